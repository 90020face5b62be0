"""`pawl schema`: what a payload may hold, for editors and forms."""

import json
import sys

from pawl.cli.exits import SUCCEEDED
from pawl.cli.options import CONTRACT, DEFAULTS, ContractTarget, Options
from pawl.cli.refusals import Unusable
from pawl.client import connected_to_contract


async def schema(*, contract_target: ContractTarget = CONTRACT, options: Options = DEFAULTS) -> int:
    """Print the JSON Schema (2020-12) of payloads.

    An editor that knows it completes fields and marks mistakes while you write. It cannot
    judge everything that `pawl validate` can.

    Parameters
    ----------
    contract_target
        The contract, as HOST:PORT. It is asked instead of --target.
    """
    async with connected_to_contract(contract_target, token=options.token) as contract:
        text = await contract.schema()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"what {contract_target} calls its schema is no JSON: {error}") from error
    sys.stdout.write(json.dumps(found, indent=None if options.json else 2) + "\n")
    sys.stdout.flush()
    return SUCCEEDED
