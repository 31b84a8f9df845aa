"""The specification as a judge: whether requests, answers and services keep it. Needs the extra `contract`.

`Fragment.load().exchange_problems(Request(…), Response(…))` names what is wrong with an exchange.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cf_vectorize_overlay.lazy import lazy_names

if TYPE_CHECKING:
    from .fragment import Fragment as Fragment
    from .judge import Judge as Judge
    from .judge import Judgement as Judgement
    from .proxy import Proxy as Proxy
    from .recordings import Recorder as Recorder
    from .recordings import Recording as Recording
    from .recordings import load_recording as load_recording
    from .replaying import replay as replay
    from .report import Report as Report
    from .wire import Problem as Problem
    from .wire import Request as Request
    from .wire import Response as Response

NEEDS_EXTRA = "the contract is an extra: pip install 'cf-vectorize[contract]'"
# The command line asks for the package also where the extra is not installed.
__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "cf_vectorize_contract.fragment": "Fragment",
        "cf_vectorize_contract.judge": "Judge Judgement",
        "cf_vectorize_contract.proxy": "Proxy",
        "cf_vectorize_contract.recordings": "Recorder Recording load_recording",
        "cf_vectorize_contract.replaying": "replay",
        "cf_vectorize_contract.report": "Report",
        "cf_vectorize_contract.wire": "Problem Request Response",
    },
)
