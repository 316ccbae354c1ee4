"""The Kubernetes manifests, without a cluster: schemas, references, the configuration on the real binary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from collector_kit.fragments import FRAGMENTS, fragments
from collector_kit.limits import load, size
from collector_kit.windows import MARGIN
from stack import windows
from stack.settings import REPOSITORY
from tests.alertmanager.rendered import every_rule
from tests.collector_config import collector

KUBERNETES = FRAGMENTS / "kubernetes"
WORKLOADS = {"gateway": "StatefulSet", "agent": "DaemonSet"}
VERSION = "1.36"
# Selects its fragment in a preset; the native stack has VictoriaLogs instead.
LOKI = {"LOKI_URL": "http://loki"}
VARIABLE = re.compile(r"\$\{env:([A-Z0-9_]+)\}")


def documents(folder: str) -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((KUBERNETES / folder / "kustomization.yaml").read_text())
    files = [
        KUBERNETES / folder / name for name in kustomization.get("resources", ()) if name.endswith(".yaml")
    ]
    return [document for path in files for document in yaml.safe_load_all(path.read_text())]


def workload(folder: str) -> dict[str, Any]:
    (found,) = [each for each in documents(folder) if each["kind"] == WORKLOADS[folder]]
    return found


def container(folder: str) -> dict[str, Any]:
    (only,) = workload(folder)["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def configuration(folder: str) -> dict[str, Path]:
    """Returns the files of the ConfigMap by their names in it."""
    kustomization = yaml.safe_load((KUBERNETES / folder / "kustomization.yaml").read_text())
    (generator,) = kustomization["configMapGenerator"]
    return {Path(name).name: (KUBERNETES / folder / name).resolve() for name in generator["files"]}


def native() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(KUBERNETES.glob("*/kustomization.yaml")):
        for document in documents(path.parent.name):
            if document["kind"] != "ScaledObject":  # KEDA's, not of Kubernetes itself
                yield f"{path.parent.name}-{document['kind']}-{document['metadata']['name']}", document


@pytest.mark.parametrize("document", [pytest.param(each, id=name) for name, each in native()])
def test_the_manifest_fits_the_schema_of_kubernetes(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, VERSION, strict=True)


def test_the_schema_rejects_an_unknown_field() -> None:
    wrong = workload("gateway")
    wrong["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize("folder", WORKLOADS)
def test_every_fragment_that_is_passed_is_in_the_configmap_and_the_other_way_round(folder: str) -> None:
    passed = [argument.rpartition("/")[2] for argument in container(folder)["args"]]
    assert set(passed) == configuration(folder).keys()
    assert all(path.is_file() for path in configuration(folder).values())


@pytest.mark.parametrize("folder", WORKLOADS)
def test_every_variable_without_a_default_is_set(folder: str) -> None:
    text = "".join(path.read_text() for path in configuration(folder).values())
    given = {each["name"] for each in container(folder)["env"]}
    assert set(VARIABLE.findall(text)) <= given


@pytest.mark.parametrize("folder", WORKLOADS)
def test_the_collector_accepts_the_fragments_together(folder: str, tmp_path: Path) -> None:
    headers = tmp_path / "next_headers"
    headers.write_text("Authorization: Bearer token-of-the-gateway\n")
    given = {
        each["name"]: each["value"]
        for each in container(folder)["env"]
        if "value" in each and not each["name"].startswith(("COLLECTOR_", "OTLP_"))
    }
    given |= {"POD_NAME": "collector-gateway-0", "HOST_NAME": "node", "HOST_ROOT": "/"}
    given |= {"NEXT_HEADERS_FILE": str(headers)} if folder == "agent" else {}
    files = [str(path) for path in configuration(folder).values()]
    done = collector.validate(files, collector.environment(tmp_path, given))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", WORKLOADS)
def test_the_pod_has_no_more_rights_than_it_needs(folder: str) -> None:
    pod = workload(folder)["spec"]["template"]["spec"]
    rights = container(folder)["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert rights["readOnlyRootFilesystem"]
    assert not rights["allowPrivilegeEscalation"]
    assert rights["capabilities"] == {"drop": ["ALL"]}
    written = [each for each in container(folder)["volumeMounts"] if not each.get("readOnly")]
    assert [each["name"] for each in written] == ["queues"]


@pytest.mark.parametrize("folder", WORKLOADS)
def test_the_image_is_the_one_that_compose_builds(folder: str) -> None:
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    assert container(folder)["image"] == compose["services"]["collector"]["image"]


@pytest.mark.parametrize("component", ["contrib", "example"])
def test_a_kustomization_replaces_that_image(component: str) -> None:
    kustomization = yaml.safe_load((KUBERNETES / component / "kustomization.yaml").read_text())
    (image,) = kustomization["images"]
    assert image["name"] == container("gateway")["image"].split(":")[0]


def test_the_contrib_image_has_the_version_of_our_build_and_runs_without_mask() -> None:
    component = yaml.safe_load((KUBERNETES / "contrib" / "kustomization.yaml").read_text())
    manifest = yaml.safe_load((FRAGMENTS / "distribution" / "manifest.yaml").read_text())
    assert component["images"][0]["newTag"] == manifest["dist"]["version"]
    for folder, patch in zip(WORKLOADS, component["patches"], strict=True):
        assert patch["target"] == {"kind": WORKLOADS[folder], "name": f"collector-{folder}"}
        arguments = list(container(folder)["args"])
        operations = yaml.safe_load(patch["patch"])
        for tested, removed in zip(operations[::2], operations[1::2], strict=True):
            assert (tested["op"], removed["op"], tested["path"]) == ("test", "remove", removed["path"])
            assert tested["path"].endswith(f"/containers/0/args/{arguments.index(tested['value'])}")
            arguments.remove(tested["value"])
        stock = [each.rpartition("/")[2] for each in arguments]
        assert [name for name in stock if name != "replica.yaml"] == [
            path.name for path in fragments(folder, LOKI)
        ]


@pytest.mark.parametrize("folder", WORKLOADS)
def test_there_is_time_to_drain_before_termination(folder: str) -> None:
    pause = container(folder)["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = workload(folder)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= pause + 30


@pytest.mark.parametrize("folder", WORKLOADS)
def test_memory_limits_leave_room_above_each_other(folder: str) -> None:
    given = {each["name"]: each.get("value", "") for each in container(folder)["env"]}
    soft = int(given["GOMEMLIMIT"].removesuffix("MiB"))
    limit = container(folder)["resources"]["limits"]["memory"]
    hard = int(limit[:-2]) * {"Mi": 1, "Gi": 1024}[limit[-2:]]
    assert soft == int(given["COLLECTOR_MEMORY_MIB"]) * 0.8
    assert int(given["COLLECTOR_MEMORY_MIB"]) < hard


@pytest.mark.parametrize("component", ["scale-hpa", "scale-keda"])
def test_a_scaler_finds_the_gateway(component: str) -> None:
    (scaler,) = documents(component)
    target = scaler["spec"]["scaleTargetRef"]
    gateway = workload("gateway")
    assert (target["kind"], target["name"]) == (gateway["kind"], gateway["metadata"]["name"])


def test_selectors_and_ports_meet_the_gateways_pods() -> None:
    pod = workload("gateway")["spec"]["template"]
    labels, ports = pod["metadata"]["labels"], {each["name"] for each in container("gateway")["ports"]}
    services = [each for each in documents("gateway") if each["kind"] == "Service"]
    assert len(services) == 2
    for service in services:
        assert service["spec"]["selector"] == labels
        assert {each["targetPort"] for each in service["spec"]["ports"]} <= ports
    for kind, field in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        (found,) = [each for each in documents("gateway") if each["kind"] == kind]
        assert found["spec"][field]["matchLabels"] == labels


def test_the_example_is_made_of_folders_that_exist() -> None:
    example = yaml.safe_load((KUBERNETES / "example" / "kustomization.yaml").read_text())
    named = [name for name in (*example["resources"], *example["components"]) if name.startswith("../")]
    assert len(named) == 3
    assert all((KUBERNETES / "example" / name / "kustomization.yaml").is_file() for name in named)


@pytest.mark.parametrize("component", ["scale-hpa", "scale-keda"])
def test_a_scaler_asks_for_what_a_rule_records(component: str) -> None:
    """KEDA uses the rule's name; an adapter serves it with underscores, as Kubernetes requires."""
    (scaler,) = documents(component)
    text = yaml.safe_dump(scaler)
    recorded = {rule["record"] for rule in every_rule() if "record" in rule}
    assert "collector:scale_pressure:ratio" in recorded
    name = "collector:scale_pressure:ratio" if component == "scale-keda" else "collector_scale_pressure_ratio"
    assert name in text
    assert {"0.6", "600m"} & set(re.findall(r"0\.6|600m", text)), "the rule holds still at 0.6"


@pytest.mark.parametrize("folder", WORKLOADS)
def test_the_windows_agree_with_the_variables_of_the_pod(folder: str) -> None:
    given = {each["name"]: each["value"] for each in container(folder)["env"] if "value" in each}
    assert [rule.text for rule in windows.rules(REPOSITORY, given) if not rule.holds()] == []


@pytest.mark.parametrize("folder", WORKLOADS)
def test_the_volume_holds_every_queue_and_its_compaction(folder: str) -> None:
    given = {each["name"]: each["value"] for each in container(folder)["env"] if "value" in each}
    files = [load(path, given) for path in configuration(folder).values() if path.suffix == ".yaml"]
    queues = [
        size(exporters[exporter]["sending_queue"]["queue_size"]) * MARGIN
        for content in files
        for exporters in [content.get("exporters") or {}]
        for pipeline in (content.get("service", {}).get("pipelines") or {}).values()
        for exporter in pipeline.get("exporters", [])
        if exporter.startswith("otlp_http/")
    ]
    assert len(queues) == 3
    assert sum(queues) + max(queues) <= size(_volume(folder))


def _volume(folder: str) -> str:
    spec = workload(folder)["spec"]
    if folder == "gateway":
        (claim,) = spec["volumeClaimTemplates"]
        return str(claim["spec"]["resources"]["requests"]["storage"])
    (volume,) = [each for each in spec["template"]["spec"]["volumes"] if each["name"] == "queues"]
    return str(volume["emptyDir"]["sizeLimit"])


@pytest.mark.parametrize("folder", WORKLOADS)
def test_a_workload_runs_its_preset(folder: str) -> None:
    passed = [argument.rpartition("/")[2] for argument in container(folder)["args"]]
    assert [name for name in passed if name != "replica.yaml"] == [
        path.name for path in fragments(folder, LOKI | {"COLLECTOR_LEAN_BUILD": "1"})
    ]


def test_the_replicas_file_adds_one_processor_and_takes_none_away() -> None:
    """The one list that is in two files, because only here are there several gateways."""
    lists = [
        yaml.safe_load(path.read_text())["service"]["pipelines"]["metrics/span-metrics"]["processors"]
        for path in (FRAGMENTS / "span-metrics.yaml", KUBERNETES / "gateway" / "replica.yaml")
    ]
    assert lists[1] == [*lists[0], "resource/replica"]
