"""
The compiled reading of log lines and documents, from their bytes to those of OTLP's log records.

Python decides what keys mean and where a sender's headers stand, once for each set of keys and each
sender (`key_shapes.py`, `log_headers.py`); the loops here do what was decided. Whatever they do not know
for certain is left undone, and is read in Python (`sent_logs.py`): a number of twenty digits, a date without a
year, a text that is not UTF-8. So both give the same bytes, which the tests compare.

Every read is compared with the end of what it reads in, and every write with the end of the output: a
record for which there is no room is left to Python too. A position is an address, as in
`wire_kernel.py`. What is called from outside is in `items.py`, `syslog.py` and `requests.py`.
"""
