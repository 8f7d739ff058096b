"""MLflow's page opens on a person's own training runs.

MLflow 3.17 opens on a welcome page about language models, with an assistant that is not part of this server. Its pages
read the choices of a browser from its local storage, so a few lines in front of its script make the first choice; what a
person chooses later is kept.
"""

import base64
import hashlib
from typing import Final

from .application import Application, Message, Receive, Scope, Send

# Keys of MLflow 3.17: `<name>_v<version>` -> JSON. UI telemetry is off on the server (MLFLOW_DISABLE_TELEMETRY) and here.
SCRIPT: Final = """<script>
(() => {
  const first = {
    "mlflow.workflowType_v1": '"machine_learning"',
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.settings.telemetry.enabled_v1": "false",
    "mlflow.telemetry.info.alert.dismissed_v1": "true",
  };
  try {
    for (const [key, value] of Object.entries(first))
      if (localStorage.getItem(key) === null) localStorage.setItem(key, value);
    localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");  // nobody answers in it
  } catch { /* a browser that keeps nothing shows MLflow's own choices */ }
  if (!["", "#", "#/"].includes(location.hash)) return;
  location.hash = "#/experiments";
  const ask = async (path, body) => {
    const options = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
    const answer = await fetch(path, options);
    return answer.ok ? answer.json() : {};
  };
  (async () => {
    const [who, found] = await Promise.all([
      ask("ajax-api/2.0/mlflow/users/current"),
      ask("ajax-api/2.0/mlflow/experiments/search", { max_results: 200, order_by: ["last_update_time DESC"] }),
    ]);
    const name = (who.user ?? who).username;
    const own = name && (found.experiments ?? []).find((one) => one.name.endsWith("/" + name));
    if (own && location.hash === "#/experiments") location.hash = `#/experiments/${own.experiment_id}/runs?workflowType=machine_learning`;
  })().catch(() => {});
})();
</script>"""
SCRIPT_DIGEST: Final = base64.b64encode(
    hashlib.sha256(SCRIPT.removeprefix("<script>").removesuffix("</script>").encode()).digest()
).decode()
"""What a content policy calls the script by: no other inline script runs."""
_CACHED: Final = frozenset({b"etag", b"last-modified", b"cache-control", b"content-length"})
_ASKED: Final = frozenset({b"if-none-match", b"if-modified-since", b"range", b"accept-encoding"})


async def land(application: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request for MLflow's page with the page of `application`, the script at the top of its head."""
    # The copy in a browser's cache may be MLflow's own, and a part of a page cannot be changed.
    headers = [(name, value) for name, value in scope["headers"] if name not in _ASKED]
    start: Message = {}
    body = bytearray()

    async def changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        page = bytes(body)
        kept = list(start["headers"])
        if start["status"] == 200 and b"<head>" in page:
            page = page.replace(b"<head>", b"<head>" + SCRIPT.encode(), 1)
            kept = [(name, value) for name, value in kept if name.lower() not in _CACHED]
            kept += [(b"content-length", str(len(page)).encode()), (b"cache-control", b"no-store")]
        await send({**start, "headers": kept})
        await send({"type": "http.response.body", "body": page})

    await application({**scope, "headers": headers}, receive, changed)
