"""The licence report: what wheels state is understood, and what may not be joined with ours stops a release."""

import pytest
from licences import LicenceError, is_compatible, read_licences, report, wheel_licence

from .made_wheels import Release, wheel


def stated(*lines):
    return wheel_licence("alpha-1-py3-none-any.whl", wheel("alpha", "1", *lines)).licence


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (["License-Expression: Apache-2.0 OR BSD-2-Clause"], "Apache-2.0 OR BSD-2-Clause"),
        (["License: MIT License"], "MIT"),
        (["License: 3-Clause BSD License"], "BSD-3-Clause"),
        (["License: Apache 2.0"], "Apache-2.0"),
        (["Classifier: License :: OSI Approved :: Apache Software License"], "Apache-2.0"),
        (["Classifier: License :: OSI Approved :: BSD License"], "BSD-3-Clause"),
    ],
)
def test_what_wheels_state(lines, licence):
    assert stated(*lines) == licence


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "states no licence"),
        (["License-Expression: GPL-2.0-only"], "GPL-3.0-or-later does not allow"),
        (["License: Proprietary"], "is under 'Proprietary'"),
        (["License-Expression: MIT AND CC-BY-NC-4.0"], "does not allow"),
    ],
)
def test_what_may_not_be_brought_stops_the_release(lines, message):
    with pytest.raises(LicenceError, match=message):
        stated(*lines)


def test_a_choice_is_fine_where_one_of_it_is():
    assert is_compatible("GPL-2.0-only OR MIT") and is_compatible("(MIT AND Zlib) OR Proprietary")
    assert not is_compatible("GPL-2.0-only OR Proprietary")


def test_the_report_has_every_package_home_library_and_text(tmp_path):
    made = Release(tmp_path)
    home = "Project-URL: Homepage, https://alpha.example"
    data = wheel("alpha", "1.2", "License: MIT License", home, LICENSE="Alpha may be used.")
    made.wheels["alpha-1.2-py3-none-any.whl"] = data
    beta = wheel("beta", "2.5", "License-Expression: Zlib", **{"x.libs/libvpx-1a2b3c4d.so.9": ""})
    made.wheels["beta-2.5-cp311-cp311-manylinux_2_17_x86_64.whl"] = beta
    ours = wheel("gaussian-heads-native", "0.1.0", "License-Expression: GPL-3.0-or-later")
    made.wheels["gaussian_heads_native-0.1.0-py3-none-manylinux_2_17_x86_64.whl"] = ours
    (tmp_path / "NOTICE").write_text("Heads are made of shapes.", "utf8")
    entries = read_licences([made.write()])
    assert [entry.name for entry in entries] == ["alpha", "beta", "gaussian-heads-native"]
    assert entries[1].libraries == ("vpx",)
    text = report(entries, "0.1.0", tmp_path)
    assert "| alpha | 1.2 | MIT | https://alpha.example | 1 |" in text
    for part in ("Alpha may be used.", "Heads are made of shapes.", "CC BY 4.0"):
        assert part in text
