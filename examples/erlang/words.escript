#!/usr/bin/env escript
%%! -noinput
%% Count the words of a text: one Erlang process for each line, which sends its counts back.

main(_) ->
    Path = os:getenv("INPUT_FILE_PATH"),
    {ok, Text} = file:read_file(Path),
    Lines = binary:split(Text, <<"\n">>, [global]),
    Self = self(),
    Workers = [spawn_link(fun() -> Self ! {self(), count(Line)} end) || Line <- Lines],
    Counts = lists:foldl(fun(Worker, Sum) -> receive {Worker, Part} -> add(Part, Sum) end end, #{}, Workers),
    Sorted = lists:sort(fun({A, N}, {B, M}) -> {-N, A} =< {-M, B} end, maps:to_list(Counts)),
    Rows = [io_lib:format("~b\t~ts~n", [Number, Word]) || {Word, Number} <- Sorted],
    Out = filename:join(os:getenv("TMP_OUTPUT_DIR"), filename:basename(Path)),
    ok = file:write_file(Out, unicode:characters_to_binary(Rows)),
    io:format("~b lines, ~b different words~n", [length(Lines) - 1, length(Sorted)]).

count(Line) ->
    Words = string:lexemes(string:lowercase(unicode:characters_to_list(Line)), " ,.;:!?-\"'"),
    lists:foldl(fun(Word, Sum) -> add(#{Word => 1}, Sum) end, #{}, Words).

add(Part, Sum) ->
    maps:fold(fun(Word, N, All) -> maps:update_with(Word, fun(M) -> M + N end, N, All) end, Sum, Part).
