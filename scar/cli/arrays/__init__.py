"""What commands do with array jobs: ``array_run`` submits the files of folders for `scar run
--array`, ``array_retry`` failed runs for `scar retry`; ``array_groups`` divides both by what their
jobs request, ``array_dry_run`` shows what would be submitted; ``array_output`` shows arrays in
`scar status` and `scar why`; ``array_selection`` finds the arrays that arguments name, for `scar
cancel` and `scar wait`, ``child_selection`` their failed children for `scar retry`.
"""
