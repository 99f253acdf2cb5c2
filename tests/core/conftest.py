"""What tests of the speech network share: the network that ships and the sample sentence."""

import pytest
from gaussian_heads.core.assets import SAMPLE_SENTENCE, SPEECH_MODEL
from gaussian_heads.core.audio import load_audio
from gaussian_heads.core.speech import SpeechModel


@pytest.fixture(scope="session")
def speech():
    return SpeechModel.open(SPEECH_MODEL, num_threads=1)


@pytest.fixture(scope="session")
def sentence():
    return load_audio(SAMPLE_SENTENCE)
