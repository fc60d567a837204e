# Completions of cldkctl for bash: source <(cldkctl completion bash)

_cldkctl() {
    local IFS=$' \t\n' words=() i blank piece line=${COMP_LINE-} last=${2-}
    line=${line:0:${COMP_POINT:-${#line}}}
    # Bash cuts words at = and : and @ as well. What no blank stands before goes on with a word.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]-}
        if [[ -n $line || -n ${COMP_LINE-} ]]; then
            blank=${line%%[![:blank:]]*}
            line=${line#"$blank"}
            if ((i == COMP_CWORD)); then piece=$line; fi
            line=${line#"$piece"}
        elif [[ $piece == '=' || ${COMP_WORDS[i > 0 ? i - 1 : 0]} == '=' ]]; then
            blank=
        else
            blank=' '
        fi
        if [[ -z $blank && $i -gt 0 ]]; then
            words[${#words[@]} - 1]+=$piece
        else
            words+=("$piece")
        fi
    done
    # The part of the last word that stays as it is, when bash puts a completion in.
    local current=${words[${#words[@]} - 1]} stays
    if [[ $last == [=:@] ]]; then last=; fi
    stays=${current%"$last"}

    COMPREPLY=()
    local kind prefix word help
    {
        read -r kind prefix
        case $kind in
        words)
            while IFS=$'\t' read -r word help; do
                if [[ $stays == *[\"\']* ]]; then
                    piece=${stays//[\"\']/}
                else
                    printf -v word %q "$word"
                    piece=$stays
                fi
                COMPREPLY+=("${word#"$piece"}")
            done
            ;;
        files)
            # Readline itself knows how to complete and to quote them.
            compopt -o default 2>/dev/null || _cldkctl_offer -f "$last"
            ;;
        program)
            for ((i = 1; i < COMP_CWORD; i++)); do
                if [[ ${COMP_WORDS[i]} == -- ]]; then break; fi
            done
            if declare -F _command_offset >/dev/null; then
                _command_offset $((i + 1))
            elif ((i + 1 == COMP_CWORD)); then
                _cldkctl_offer -c "$last"
            else
                compopt -o default 2>/dev/null
            fi
            ;;
        esac
    } < <(printf '%s\0' "${words[@]}" | @cldkctl@ __complete bash 2>/dev/null)
}

_cldkctl_offer() {
    local word
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$1" -- "$2")
}

complete -o nosort -F _cldkctl cldkctl 2>/dev/null || complete -F _cldkctl cldkctl
