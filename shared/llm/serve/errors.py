"""What goes wrong, in the form that OpenAI's clients know: a status code and {"error": {"message": …}}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse


class ApiError(Exception):
    """Answered with this status. param: the field that is wrong   code: a word for programs"""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param, self.headers = status, code, param, dict(headers or {})

    def body(self) -> dict[str, Any]:
        kind = {401: "authentication_error", 429: "rate_limit_error"}.get(
            self.status, "invalid_request_error" if self.status < 500 else "server_error"
        )
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        # A lone half of a surrogate pair, which JSON allows, can't be sent.
        sound = {
            name: says and says.encode("utf-8", "replace").decode() for name, says in error.items()
        }
        return {"error": sound}

    def response(self) -> JSONResponse:
        return JSONResponse(self.body(), self.status, self.headers)


def from_validation(errors: Sequence[Mapping[str, Any]]) -> ApiError:
    """What is wrong with a request's body, in one sentence that names the field."""
    # Where a field may be of several types, all but one of its errors only say that it is not of that type.
    error = next((e for e in errors if not e["type"].endswith("_type")), errors[0])
    where = [part for part in error["loc"] if part != "body"]
    if error["type"] == "json_invalid":
        return ApiError(400, f"The body is no JSON: {error['ctx']['error']}.", "invalid_json")
    # In a choice of types pydantic adds the type that it tried: `stop.list[str]` is the field stop.
    last = len(where) - 1 if error["type"] == "extra_forbidden" else None
    field = ".".join(str(p) for i, p in enumerate(where) if i == last or not _is_type(p))
    if error["type"] == "extra_forbidden":
        return ApiError(400, f"There is no field {field[:100]}.", "unknown_field", field[:100])
    if not field:
        message = "The body must be a JSON object, sent as application/json."
        return ApiError(400, message, "invalid_body")
    what = error["msg"][0].lower() + error["msg"][1:]
    what = what.removeprefix("value error, ")
    given = "" if error["type"] == "missing" else f" is {_shown(error.get('input'))}:"
    return ApiError(400, f"{field}{given} {what}.", "invalid_value", field)


def _is_type(part: Any) -> bool:
    return isinstance(part, str) and (
        "[" in part or "-" in part or part in ("str", "int", "float", "bool") or part[:1].isupper()
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"
