"""The output and the samples of ``smsonline doctor`` contain nothing private."""

import json
import os

from doctor_vendor import (
    CANARY,
    READS,
)

from assets.datasets import DATASETS
from assets.doctor.probe import SAMPLE_RECORDS
from smsonline.client import Client
from smsonline.config import Credentials

pytest_plugins = ("doctor_fixtures",)


# Faults that move private contents to other fields, or change their type.
DAMAGES = ("extra_field", "wrong_type", "nested", "bare", "null_keys", "missing_field=orderId", "missing_field=sms")
PHONE, TEXT = "13125550147", "Your code is 481516, tell nobody"


def test_save_writes_one_sample_per_endpoint_and_findings(vendor, command, home):
    result = command("doctor", "--save", "deep/out", "--json")
    files = {file.stem: file.read_text("utf-8") for file in (home / "deep/out").iterdir()}
    assert set(files) == READS | {"findings"}
    assert json.loads(files["findings"])["endpoints"] == result.document["endpoints"]
    assert len(json.loads(files["statistics"])["body"]) == SAMPLE_RECORDS
    assert all(text.startswith("{\n  ") and text.endswith("}\n") for text in files.values())
    statistic = json.loads(files["statistics"])["body"][0]
    assert set(statistic) == {name for field in DATASETS["statistics"].fields for name in field.aliases}
    assert json.loads(files["balance"])["body"]["discountRates"][0][2] == "-20%"


def test_failed_endpoint_leaves_no_old_sample(vendor, command, home):
    command("doctor", "--save", "out")
    vendor.faults.add("coupons", "http_500")
    command("doctor", "--save", "out")
    assert not (home / "out/coupons.json").exists()
    assert (home / "out/invoices.json").exists()


def test_unusable_folder_is_one_line_before_any_call(vendor, command, home):
    (home / "file").write_text("")
    for folder in ("file", "file/out"):
        result = command("doctor", "--save", folder)
        assert (result.code, len(result.error_lines)) == (2, 1)
        assert f"--save {folder}" in result.error_lines[0]
    assert not vendor.requests


def test_no_key_number_or_message_is_printed_or_saved(vendor, command, home, monkeypatch, caplog):
    monkeypatch.setenv("SMSONLINE_KEEP_MESSAGES", "true")
    caplog.set_level("DEBUG")
    with Client(Credentials(vendor.user_id, CANARY, *_addresses())) as client:
        orders = client.get("inventory", {"limit": "1000"}).payload["body"]
    secrets = {order["phoneNumber"] for order in orders} | {m["text"] for order in orders for m in order["sms"]}
    assert len(secrets) > 100
    secrets.add(CANARY)
    printed = []
    for kind in (None, "http_400", "http_222", "not_ok", "html", "redirect", "truncated", *DAMAGES):
        if kind:
            vendor.faults.add("*", kind)
        result = command("doctor", "--save", f"out/{kind}", *(["--json"] if kind == "nested" else []))
        printed += [result.out, result.err]
        vendor.faults.clear()
    saved = [file.read_text("utf-8", "replace") for file in home.rglob("*") if file.is_file()]
    assert len(saved) > 100
    everything = "\n".join([*printed, *saved, caplog.text])
    assert [secret for secret in secrets if secret in everything] == []


def _addresses() -> tuple[str, str]:

    return os.environ["SMSONLINE_BASE_URL"], os.environ["SMSONLINE_V2_BASE_URL"]


def test_private_contents_in_unexpected_fields_are_masked(changes, command, home):
    changes["/inventory/"] = lambda document: {"ok": False, "errorMessage": f"{PHONE} got: {TEXT}"}
    changes["/popular"] = lambda document: {"ok": False, "errorMessage": f"ask {PHONE}"}
    changes["/coupons"] = lambda document: {"ok": True, "body": {"codes": [{PHONE: {"text": TEXT, "n": int(PHONE)}}]}}
    changes["/statistics/"] = lambda document: {
        "ok": True,
        "body": [record | {"sms": TEXT, "to": PHONE, "id": int(PHONE)} for record in document["body"]],
    }
    changes["/favourites"] = lambda document: {"ok": True, TEXT: [{"country": PHONE, "service": PHONE, "cShort": TEXT}]}
    changes["/payments"] = lambda document: {
        "ok": True,
        "body": [{"payId": PHONE, "amount": TEXT, "status": TEXT, "created": PHONE}],
    }
    result, as_json = command("doctor", "--save", "out"), command("doctor", "--json")
    assert result.code == as_json.code == 1
    saved = [file.read_text("utf-8") for file in home.rglob("*") if file.is_file()]
    assert len(saved) > 10
    for secret in (PHONE, TEXT, CANARY):
        assert [text for text in (result.out, result.err, as_json.out, *saved) if secret in text] == [], secret
