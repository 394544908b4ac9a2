"""Both services as real HTTP servers on this machine, to rehearse against. Imports nothing of the migration engine."""

from ztoq_async.sandbox.corpus import Corpus
from ztoq_async.sandbox.corpus_lines import CorpusError
from ztoq_async.sandbox.generator import Generator
from ztoq_async.sandbox.main import Options, serve
from ztoq_async.sandbox.profile import Profile, ProfileError
from ztoq_async.sandbox.server import Sandbox

__all__ = ["Corpus", "CorpusError", "Generator", "Options", "Profile", "ProfileError", "Sandbox", "serve"]
