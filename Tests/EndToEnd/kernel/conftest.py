"""Tests run where there is what they need: the lab starts each of them somewhere."""

import mtty
import mtty_big
import peer

collect_ignore = []
if mtty.DRIVER != mtty_big.NAME:
    collect_ignore += [
        "test_handover_faults.py", "test_mtty_big.py", "test_mtty_big_faults.py"]
if not peer.PEER:
    collect_ignore.append("pair")
