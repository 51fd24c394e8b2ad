"""The golden model: every stage of the core as a plain sequential function, written from the specifications.

Pure Python on top of ``spec``; never reads or imports ``hdl``. A stage has the same name here and there, takes the
whole ``Design``, consumes one record stream in order and returns the records that it makes of each record. Record k of
a stream in hardware must equal record k here, in every field. ``core.Core`` composes the stages.

Nothing a wire can carry raises: what is wrong is counted, in ``counters`` with the names of ``spec.counters``. What the
hardware says it did between messages (``Core.events``) raises ``ValueError`` where the contract forbids it.
"""
