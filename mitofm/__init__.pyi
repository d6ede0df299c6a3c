from mitofm.api.cells import Cell as Cell
from mitofm.api.cells import load as load
from mitofm.api.cells import train as train
from mitofm.api.embedding import embed as embed
from mitofm.api.studies import Study as Study
from mitofm.api.studies import compare as compare
from mitofm.api.studies import figures as figures
from mitofm.api.studies import study as study

__version__: str
