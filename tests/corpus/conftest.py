"""The fixture trees hold files that look like tests; none of them is one."""

collect_ignore_glob = ["shapes/*"]
