# The first file is the table, the second one the text.
FNR == NR { name[$1] = $2; next }
{
    for (i = 1; i <= NF; i++) printf "%s%s", ($i in name) ? name[$i] : "?", i < NF ? " " : "\n"
}
