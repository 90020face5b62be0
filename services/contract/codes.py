"""Names the codes of violations and warnings, each with what it says."""

VIOLATIONS = {
    "REQUIRED": "A field that has to be there is missing or blank.",
    "WRONG_TYPE": "A value is of another kind than its field.",
    "SIZE": "A text, a list or the whole payload is too large; the path of the whole is empty.",
    "BAD_TEXT": "A text holds a character that no text may, or lines where one is wanted.",
    "BAD_NUMBER": "JSON's doubles cannot carry the number exactly.",
    "TOO_DEEP": "Objects and lists nest too deeply.",
    "ALIAS_CONFLICT": "A field and another spelling of it say different things.",
    "REPO_URL_DENIED": "The repository's address may not be used here.",
    "UNKNOWN_RUNTIME": "There is no such runtime.",
    "RUNTIME_CONFLICT": "`targetRuntime` and `task.runtime.mode` name two runtimes.",
    "MODEL_NAME": "No model can have this name.",
    "EFFORT_NAME": "No effort can have this name.",
    "CAPABILITY_NAME": "No capability can have this name.",
    "SECRET_REF": "It is no reference to a secret.",
    "SKILL_ID": "No skill can have this id.",
    "TOO_MANY_STEPS": "There are more steps than a task may have.",
    "STEP_ID": "No step can have this id.",
    "STEP_BLANK": "A step has neither instructions nor a skill.",
    "STEP_FIELD_UNKNOWN": "A step, or its skill, has a field that is not theirs.",
    "STEP_OVERRIDE_FORBIDDEN": "A step sets what holds for the whole task.",
    "BRANCH_NAME": "No branch can have this name, or a branch would go into itself.",
    "UNKNOWN_PUBLISH_MODE": "There is no such mode of publishing.",
    "LIMIT_RANGE": "A limit is out of its range.",
    "CONTAINER_WITH_STEPS": "A container is enabled and there are steps.",
    "CONTAINER_FIELD": "A field of the container is missing or not of its form.",
    "CONTAINER_UNSUPPORTED": "A container is enabled, which this version does not run.",
    "PLAN_TOO_LARGE": "A prompt, or all of them together, would be too large.",
    "TOO_MANY_VIOLATIONS": "More is wrong than an answer lists; its path is empty.",
}
"""What refuses a payload, in the order of the fields it is about."""

WARNINGS = {
    "ALIAS": "A field has another spelling; the sentence names the right one.",
    "UNKNOWN_FIELD": "This version does not know the field; it is kept and has no effect.",
    "RUNTIME_RESOLVED": "`universal` became the deployment's default runtime.",
    "TOO_MANY_WARNINGS": "There are more warnings than an answer lists; its path is empty.",
}
"""What stops nothing and should be seen all the same."""
