"""What agents do in the tests of drivers."""

from tests.support.stage import Dies, Fails, Script, Stage


def writes(name: str, text: str = "new\n") -> Script:
    async def script(stage: Stage) -> None:
        stage.say(f"writing {name}")
        (stage.tree / name).write_text(text)

    return script


async def waits_for_the_stop(stage: Stage) -> None:
    stage.say("working")
    (stage.tree / "half.txt").write_text("half\n")
    await stage.stopped.wait()


async def fails(stage: Stage) -> None:
    (stage.tree / "half.txt").write_text("half\n")
    raise Fails("the agent ended with exit code 3")


async def dies(stage: Stage) -> None:
    raise Dies


async def nothing(stage: Stage) -> None:
    stage.say("nothing to do")
