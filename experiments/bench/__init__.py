"""The parts of ``bench_speed.py``, one module each."""
