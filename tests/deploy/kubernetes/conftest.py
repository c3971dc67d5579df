"""The overlays, rendered once for all tests of this folder."""

import pytest

from tests.deploy.kubernetes.overlay import OVERLAYS, NoKubectl, Overlay, copy_folder


@pytest.fixture(scope="package")
def overlays(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Overlay]:
    """All overlays, rendered once."""
    folder = copy_folder(tmp_path_factory.mktemp("deploy") / "kubernetes")
    try:
        return {name: Overlay.render(name, folder) for name in OVERLAYS}
    except NoKubectl as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, overlays: dict[str, Overlay]) -> Overlay:
    """Each overlay in turn."""
    return overlays[request.param]


@pytest.fixture
def production(overlays: dict[str, Overlay]) -> Overlay:
    return overlays["production"]


@pytest.fixture
def development(overlays: dict[str, Overlay]) -> Overlay:
    return overlays["development"]
