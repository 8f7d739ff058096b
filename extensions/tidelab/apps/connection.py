"""What a kernel says to its page: results and widgets, not what it notes for the people who look after it."""

from typing import Any, Final

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

_V1: Final = "v1.kernel.websocket.jupyter.org"
_CONTENT: Final = 3
_ERROR: Final = {
    "ename": "Error",
    "evalue": "Something went wrong. Reload the page.",
    "traceback": ["Something went wrong. Reload the page."],
}


class PageConnection(ZMQChannelsWebsocketConnection):
    """Keeps tracebacks and the error output back: a widget that is sent nonsense fills them with this machine's paths.

    Jupyter Server's own ``allow_tracebacks = False`` looks for its replacement text where it is not, and loses the message.
    """

    def _on_error(self, channel: str, msg: dict[str, Any], msg_list: list[Any]) -> None:
        if channel != "iopub":
            return
        kind = self.get_part("header", msg["header"], msg_list)["msg_type"]
        if kind not in ("error", "stream"):
            return
        content = self.get_part("content", msg["content"], msg_list)
        if kind == "error":
            msg["content"] = _ERROR
        elif content.get("name") == "stderr":
            msg["content"] = {**content, "text": ""}
        else:
            return
        if self.subprotocol == _V1:
            msg_list[_CONTENT] = self.session.pack(msg["content"])
