"""The Model Context Protocol over standard input and output: JSON-RPC 2.0, a message a line.

In: lines, and tools. Out: lines. Promises: nothing but messages is written; a message that cannot be read is answered,
and ends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import structlog
from msgspec import UNSET, Struct, UnsetType

log = structlog.get_logger("mcp")

# Versions with a handshake, of which tools are the same as far as they are used here; the newest first.
VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
_PARSE, _INVALID, _NO_METHOD, _BAD_PARAMS = -32700, -32600, -32601, -32602


class Tool(Struct, frozen=True, rename="camel"):
    """What may be called. call: with the arguments."""

    name: str
    title: str
    description: str
    input_schema: dict[str, Any]
    call: Callable[[dict[str, Any]], dict[str, Any]]

    def listed(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.input_schema,
            "annotations": {"readOnlyHint": True, "openWorldHint": False},
        }


class ToolRefused(Exception):
    """What a tool cannot do; the text is told to whoever called it."""


class _Request(Struct, frozen=True):
    """id: of a notification there is none."""

    method: str
    id: str | int | UnsetType = UNSET
    params: dict[str, Any] | UnsetType = UNSET


class _Error(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Server:
    """about: name, title and version of what answers. instructions: how its answers are to be read."""

    def __init__(self, about: Mapping[str, str], instructions: str, tools: Iterable[Tool]) -> None:
        self._about = dict(about)
        self._instructions = instructions
        self._tools = {tool.name: tool for tool in tools}

    def serve(self, lines: Iterable[bytes], write: Callable[[bytes], None]) -> None:
        """Until there are no more lines."""
        for line in lines:
            if line.strip() and (answer := self.answer(line)) is not None:
                write(msgspec.json.encode(answer) + b"\n")

    def answer(self, line: bytes) -> dict[str, Any] | None:
        """Of a message; None where there is nothing to say."""
        try:
            request = msgspec.json.decode(line, type=_Request)
        except msgspec.ValidationError as problem:
            return _failed(None, _INVALID, str(problem))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _failed(None, _PARSE, "this is no JSON")
        try:
            result = self._result(request)
        except _Error as problem:
            return None if request.id is UNSET else _failed(request.id, problem.code, str(problem))
        return None if request.id is UNSET else {"jsonrpc": "2.0", "id": request.id, "result": result}

    def _result(self, request: _Request) -> dict[str, Any]:
        params = {} if request.params is UNSET else request.params
        match request.method:
            case "initialize":
                return self._initialized(params.get("protocolVersion"))
            case "tools/list":
                return {"tools": [tool.listed() for tool in self._tools.values()]}
            case "tools/call":
                return self._called(params)
            case "ping":
                return {}
            case method if method.startswith("notifications/"):
                return {}
        raise _Error(_NO_METHOD, f"{request.method[:100]!r} is nothing this server does")

    def _initialized(self, wanted: Any) -> dict[str, Any]:
        return {
            "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
            "capabilities": {"tools": {}},
            "serverInfo": self._about,
            "instructions": self._instructions,
        }

    def _called(self, params: dict[str, Any]) -> dict[str, Any]:
        name, arguments = params.get("name"), params.get("arguments") or {}
        if not isinstance(name, str) or name not in self._tools or not isinstance(arguments, dict):
            raise _Error(_BAD_PARAMS, f"there are the tools {', '.join(self._tools)}; arguments are an object")
        try:
            told = self._tools[name].call(arguments)
        except ToolRefused as refused:
            return {"content": [{"type": "text", "text": str(refused)}], "isError": True}
        except Exception as broken:  # a defect of ours must not end the conversation
            log.error("tool_failed", tool=name, kind=type(broken).__name__)
            return {"content": [{"type": "text", "text": "something is wrong here; it was logged"}], "isError": True}
        text = msgspec.json.encode(told).decode()
        is_error = {"isError": True} if "error" in told else {}
        return {"content": [{"type": "text", "text": text}], "structuredContent": told, **is_error}


def _failed(id_: str | int | UnsetType | None, code: int, text: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": text}}
