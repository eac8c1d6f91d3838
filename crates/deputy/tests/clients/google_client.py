"""Google's own Python client against an emulated Google: does it behave as Google's documentation says?

usage: google_client.py ORIGIN [NAME...]

Each check is a function whose name ends up in the output; NAME runs only those. The exit code is 1 if
one fails. Accounts are made up per run, so one emulator can be driven many times.
"""
import sys
import traceback

import google.auth.exceptions
import google.auth.transport.requests

import google_calendar  # noqa: F401 (each module adds its checks)
import google_drive  # noqa: F401
import google_gmail  # noqa: F401
import google_oauth  # noqa: F401
from google_checks import CHECKS
from google_people import Google


def main():
    target = Google(sys.argv[1])
    target.auth_request = google.auth.transport.requests.Request
    target.RefreshError = google.auth.exceptions.RefreshError
    chosen = [c for c in CHECKS if not sys.argv[2:] or c.__name__ in sys.argv[2:]]
    failed = []
    for function in chosen:
        try:
            function(target)
            print(f"ok      {function.__name__}", flush=True)
        except Exception:
            failed.append(function.__name__)
            print(f"FAILED  {function.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{len(chosen) - len(failed)} of {len(chosen)} passed")
    sys.exit(1 if failed or not chosen else 0)


if __name__ == "__main__":
    main()
