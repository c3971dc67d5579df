"""The settings that a pod's service will read, its files included."""

import base64
from pathlib import Path

from shared.settings import Settings, load_settings
from tests.deploy.kubernetes.overlay import Overlay, Pod

#: What a Secret of the production overlay holds, by the file it is mounted as.
_EXAMPLES = {
    "database_url": "postgresql://login:password@mailroom-postgres-rw.mailroom-servers.svc/mailroom",
    "reports_database_url": "postgresql://login:password@mailroom-postgres-ro.mailroom-servers.svc/mailroom",
    "amqp_url": "amqps://login:password@mailroom-rabbitmq.mailroom-servers.svc/",
    "smtp_url": "smtp+starttls://login:password@relay.example.com",
}


def settings_of(pod: Pod, overlay: Overlay, folder: Path) -> Settings:
    """The settings as the pod's service reads them, its files being made in a folder."""
    folder.mkdir(parents=True)
    variables = {name: value for name, value in pod.environment().items() if name.startswith("MAILROOM_")}
    for name, value in variables.items():
        if name == "MAILROOM_CONFIG" or name.endswith("_FILE"):
            file = folder / Path(value).name
            file.write_text(content_of(value, pod, overlay), "utf-8")
            variables[name] = str(file)
    return load_settings(None, variables)


def content_of(path: str, pod: Pod, overlay: Overlay) -> str:
    """What a file of the pod holds; an example where only the operator knows."""
    if Path(path).name == "mailroom.toml":
        return str(overlay.find("ConfigMap", "mailroom-settings")["data"]["mailroom.toml"])
    kind, name, key = pod.files()[path]
    assert kind == "secret"
    held = [secret for secret in overlay.of_kind("Secret") if secret["metadata"]["name"] == name]
    return base64.b64decode(held[0]["data"][key]).decode() if held else _EXAMPLES[Path(path).name]
