"""Declares `task.container`, which runs a command in an image instead of steps."""

from services.contract.kinds import Listing, Part
from services.contract.lists import Arguments, Variables
from services.contract.scalars import Flag, Number, Text

CODE = "CONTAINER_FIELD"
RESERVED = ("JOB_ID", "REPOSITORY", "ARTIFACT_DIR")
"""Variables that Pawl itself sets."""

_SEGMENT = r"(?!\.{1,2}(?:/|\s*$))[A-Za-z0-9._-]+"
_PATH = rf"/(?:{_SEGMENT}(?:/{_SEGMENT})*)?/?"

_VOLUME = Part(
    about="A directory that outlives the job.",
    fields={
        "name": Text(
            about="The volume's name.",
            most=4096,
            form=r"[a-z0-9][a-z0-9_.-]{0,63}",
            code=CODE,
            remedy="This is no safe name. Use at most 64 lower-case letters, digits and _.-, the"
            " first a letter or digit.",
            required="A cache volume needs a name. Name it.",
            examples=("pip-cache",),
        ),
        "target": Text(
            about="Where it is mounted.",
            most=4096,
            form=rf"/{_SEGMENT}(?:/{_SEGMENT})*/?",
            code=CODE,
            remedy="This is no absolute path below the root. Begin with / and leave out . and ..",
            required="A cache volume needs a target. Write an absolute path.",
            examples=("/root/.cache/pip",),
        ),
    },
)

CONTAINER = Part(
    about="A command in an image that does the work instead of an agent; never beside steps.",
    sparse=True,
    fields={
        "enabled": Flag(about="Whether the container does the work."),
        "image": Text(
            about="The image; required when enabled.",
            most=512,
            form=r"[a-z0-9][A-Za-z0-9._/:@-]{0,511}",
            code=CODE,
            remedy="This is no reference of an image. Write name:tag or name@sha256:digest.",
            examples=("debian:12",),
        ),
        "command": Arguments(
            about="The command and its arguments, taken as they stand; required when enabled. No"
            " shell reads it.",
            most=1_000,
            most_bytes=128 * 1024,
            code=CODE,
            examples=(["make", "report"],),
        ),
        "workdir": Text(
            about="The working directory; the checkout where absent.",
            most=4096,
            form=_PATH,
            code=CODE,
            remedy="This is no absolute path. Begin with / and leave out . and ..",
            examples=("/work",),
        ),
        "env": Variables(
            about=f"Environment variables; not {', '.join(RESERVED)}, which Pawl sets.",
            most=100,
            forbidden=RESERVED,
            code=CODE,
            examples=({"LANG": "C.UTF-8"},),
        ),
        "artifactsSubdir": Text(
            about="The directory below the artifact directory that the command writes to.",
            most=1024,
            form=rf"{_SEGMENT}(?:/{_SEGMENT})*/?",
            code=CODE,
            remedy="This is no path below the artifact directory. Leave out a leading /, . and ..",
            examples=("reports",),
        ),
        "timeoutSeconds": Number(
            about="Time of the command; `task.limits` hold as well.",
            low=1,
            high=86_400,
            code=CODE,
            examples=(1_800,),
        ),
        "pull": Text(
            about="When the image is fetched; `if-missing` where absent.",
            most=64,
            choices=("if-missing", "always"),
            code=CODE,
            remedy="There is no such policy. Use if-missing or always.",
        ),
        "resources": Part(
            about="What the container may use.",
            fields={
                "cpus": Number(
                    about="Processors.",
                    low=0.01,
                    high=1_024,
                    whole=False,
                    code=CODE,
                    examples=(2,),
                ),
                "memory": Text(
                    about="Memory, in bytes or with the unit k, m or g.",
                    most=64,
                    form=r"[1-9][0-9]{0,14}[kmg]?",
                    code=CODE,
                    remedy="This is no amount of memory. Write a number with k, m or g.",
                    examples=("4g",),
                ),
            },
        ),
        "cacheVolumes": Listing(
            about="Directories that outlive the job.", item=_VOLUME, most=16, code=CODE
        ),
    },
)
