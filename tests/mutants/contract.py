"""Mutants of the contract: each deletes or bends the code of one rule."""

from tests.mutants.mutant import Mutant

TESTS = tuple(
    f"tests/contract/{name}.py"
    for name in (
        "test_rule_table",
        "test_rules",
        "test_payload",
        "test_capabilities",
        "test_soundness",
        "test_plan",
        "test_prompts",
    )
)


def mutant(name: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    """A mutant of a file of the contract."""
    return Mutant(
        name=name,
        path=f"services/contract/{file}.py",
        old=old,
        new=new,
        tests=tuple(f"tests/contract/{test}.py" for test in tests) or TESTS,
    )


CONTRACT = [
    mutant(
        "1 the objective is not required",
        "scalars",
        "        elif self.required is not None:\n",
        "        elif self.required is not None and path[-1] != 'instructions':\n",
    ),
    mutant(
        "1 invisible text is an objective",
        "text",
        "return not _INKLESS.match(character)",
        "return not character.isspace()",
    ),
    mutant(
        "2 no step is implied",
        "rules",
        '        return (Step(index=0, id="step-1"',
        '        return () and (Step(index=0, id="step-1"',
    ),
    mutant(
        "3 steps are open",
        "steps",
        '    closed=_CLOSED,\n    fields={\n        "id": Text(\n            about="A name',
        '    fields={\n        "id": Text(\n            about="A name',
    ),
    mutant("3 skills of steps are open", "steps", "closed=_CLOSED, omitted=True", "omitted=True"),
    mutant(
        "3 overrides are merely unknown",
        "steps",
        "    **dict.fromkeys(OVERRIDES, _OVERRIDE),\n",
        "",
    ),
    mutant(
        "4 a blank step is taken",
        "rules",
        "            silent\n            and not report.faulty(path)",
        "            False\n            and silent\n            and not report.faulty(path)",
    ),
    mutant("4 strings are not trimmed", "text", "    text = text.strip()\n", ""),
    mutant(
        "5 ids are not made up",
        "rules",
        '        step["id"] = f"step-{index + 1}"',
        '        step["id"] = f"step-{index}"',
    ),
    mutant("5 any id will do", "steps", '            form=r"[A-Za-z0-9._-]{1,64}",\n', ""),
    mutant(
        "6 a skill needs no id",
        "steps",
        'required="A skill needs its id. Name it, or leave skill out to inherit.",',
        "",
    ),
    mutant(
        "6 any skill id will do",
        "steps",
        '                form=r"[a-z0-9][a-z0-9._-]{0,63}",\n',
        "",
    ),
    mutant(
        "6 steps do not inherit the skill",
        "rules",
        "skill=inherited if own is None else",
        'skill=Skill("auto", {}, SkillSource.DEFAULT) if own is None else',
    ),
    mutant(
        "7 targetRuntime does not come first",
        "rules",
        '((TARGET, values["targetRuntime"]), (MODE, settings["mode"]))\n        if',
        '((MODE, settings["mode"]), (TARGET, values["targetRuntime"]))\n        if',
    ),
    mutant(
        "7 runtimes may conflict",
        "rules",
        "    if len(given) == 2 and given[0][1] != given[1][1]:",
        "    if len(given) == 3:",
    ),
    mutant(
        "7 upper case is another runtime",
        "payload",
        "        folded=True,\n",
        "",
    ),
    mutant(
        "7 universal is taken for a runtime",
        "rules",
        "        if value == UNIVERSAL:",
        '        if value == "everything":',
    ),
    mutant("8 nothing is published unless asked", "payload", 'default="pr"', 'default="none"'),
    mutant(
        "8 any mode will do",
        "payload",
        '                    choices=("none", "branch", "pr"),\n',
        "",
    ),
    mutant(
        "9 containers beside steps",
        "rules",
        '    if payload.values["task"]["steps"] or report.faulty(STEPS):',
        "    if False:",
    ),
    mutant(
        "9 an enabled container needs no image",
        "rules",
        '(("image", "an image"), ("command", "a command"))',
        '(("command", "a command"),)',
    ),
    mutant(
        "9 Pawl's variables may be set",
        "lists",
        "            elif name.upper() in self.forbidden:",
        "            elif name in ():",
    ),
    mutant(
        "9 they may be set in lower case",
        "lists",
        "            elif name.upper() in self.forbidden:",
        "            elif name in self.forbidden:",
    ),
    mutant(
        "9 relative mounts",
        "container",
        '            form=rf"/{_SEGMENT}(?:/{_SEGMENT})*/?",\n',
        "",
    ),
    mutant(
        "10 no repository is needed",
        "rules",
        "    if address is None:\n        report.refuse(",
        "    if address is None:\n        return\n        report.refuse(",
    ),
    mutant(
        "10 any address will do",
        "rules",
        "        canonical = repository.canonical(address, deployment)",
        "        canonical = address",
    ),
    mutant("11 secrets instead of references", "payload", "        form=_REFERENCE,\n", ""),
    mutant(
        "12 any name for the new branch",
        "payload",
        "                    judged=lambda name: _sentence(branches.fault_of_new(name)),\n",
        "",
    ),
    mutant(
        "12 any name for an existing branch",
        "payload",
        "        judged=lambda name: _sentence(branches.fault_of_existing(name)),\n",
        "",
    ),
    mutant(
        "12 a pull request into itself",
        "rules",
        '    if base is not None and base == task["git"]["newBranch"]:',
        "    if False:",
    ),
    mutant("13 any number of values", "soundness", "    if reader.room < 0:", "    if False:"),
    mutant(
        "13 payloads of any size",
        "soundness",
        "    if size > PAYLOAD_LIMIT:",
        "    if False:",
    ),
    mutant(
        "13 texts of any size",
        "scalars",
        "        if (size := texts.size(value)) > self.most:",
        "        if (size := texts.size(value)) < 0:",
    ),
    mutant(
        "13 any number of steps",
        "payload",
        "            most=MOST_STEPS,\n",
        "            most=10**9,\n",
    ),
    mutant(
        "13 prompts of any size",
        "plan",
        "    except prompts.TooLarge as problem:",
        "    except ZeroDivisionError as problem:",
    ),
    mutant(
        "13 unknown fields are dropped",
        "kinds",
        "                read[name] = value[name]\n",
        "",
    ),
    mutant(
        "13 unknown fields go unseen",
        "kinds",
        "                reading.unknown((*path, name), self.fields)\n",
        "",
    ),
    mutant(
        "13 aliases go unseen",
        "kinds",
        'reading.report.warn(where, "ALIAS", f',
        '(lambda *_: None)(where, "ALIAS", f',
    ),
    mutant(
        "13 an alias may say something else",
        "kinds",
        "            elif kind.read(given, where, reading) != kind.read(",
        "            elif False and kind.read(given, where, reading) != kind.read(",
    ),
    mutant(
        "14 gh is not needed for a pull request",
        "capabilities",
        '    if task["publish"]["mode"] == "pr":',
        "    if False:",
    ),
    mutant(
        "14 docker is not needed for a container",
        "capabilities",
        '    if task["container"]["enabled"]:',
        "    if False:",
    ),
    mutant(
        "14 skills of steps need nothing",
        "capabilities",
        '        if own := step["skill"]:',
        "        if own := None:",
    ),
    mutant(
        "15 publishing is always a stage",
        "rules",
        'stages=UNPUBLISHED if mode == "none" else PUBLISHED',
        "stages=PUBLISHED",
    ),
    mutant(
        "the digest leaves the prompts out",
        "plan",
        '                "prompt": step.prompt,\n',
        "",
    ),
    mutant(
        "prompts do not quote instructions",
        "prompts",
        "quoted(step.instructions) if step.instructions else",
        "step.instructions if step.instructions else",
    ),
    mutant(
        "prompts do not quote the objective",
        "prompts",
        "    beginning += quoted(objective)\n",
        "    beginning += objective\n",
    ),
    mutant(
        "prompts do not quote titles",
        "prompts",
        'f"{name} | {step.title}"',
        'f"{name} {step.title}"',
    ),
    mutant(
        "text may turn direction",
        "text",
        "    (0x202A, 0x202E),  # order",
        "    (0x202F, 0x202F),  # order",
    ),
    mutant("text may hold NUL", "text", "    (0x00, 0x08),", "    (0x01, 0x08),"),
    mutant(
        "text may hold lone surrogates",
        "text",
        "    (0xD800, 0xDFFF),",
        "    (0xD800, 0xD801),",
        "test_hostile_strings",
    ),
]
