# Completions of cldkctl for fish: cldkctl completion fish > ~/.config/fish/completions/cldkctl.fish

function __cldkctl_complete
    set -l before (commandline --tokenize --current-process --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l answer (printf '%s\0' $before "$current" | @cldkctl@ __complete fish 2>/dev/null)
    set -l head (string split --max 1 ' ' -- $answer[1])
    switch "$head[1]"
        case words
            string join \n -- $answer[2..]
        case files
            # An empty command takes files.
            set -l typed (string sub --start (math 1 + (string length -- "$head[2]")) -- "$current")
            for found in (complete --do-complete "'' $typed")
                echo -- $head[2]$found
            end
        case program
            set -l after (contains --index -- -- $before)
            set -l words
            for word in $before[(math $after + 1)..]
                set --append words (string escape -- $word)
            end
            complete --do-complete "$words $current"
    end
end

complete --command cldkctl --erase
complete --command cldkctl --no-files --keep-order --arguments '(__cldkctl_complete)'
