#compdef cldkctl
# Completions of cldkctl for zsh: source <(cldkctl completion zsh), after compinit if that is run,
# or as the file _cldkctl in a folder of $fpath.

_cldkctl() {
    local -a answer offered
    local kind prefix line word help
    answer=("${(@f)$(
        print -rN -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" | @cldkctl@ __complete zsh 2>/dev/null
    )}")
    kind=${answer[1]%% *}
    prefix=${answer[1]#* }
    case $kind in
    words)
        for line in "${(@)answer[2,-1]}"; do
            word=${line%%$'\t'*}
            help=${line#*$'\t'}
            word=${${word//\\/\\\\}//:/\\:}
            offered+=("$word${help:+:$help}")
        done
        (( $#offered )) && _describe -V cldkctl offered
        ;;
    files)
        [[ -n $prefix ]] && compset -P "${(b)prefix}"
        _files
        ;;
    program)
        (( CURRENT -= ${words[(i)--]} ))
        shift ${words[(i)--]} words
        _normal
        ;;
    esac
}

if [[ ${funcstack[1]-} == _cldkctl ]]; then
    _cldkctl "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _cldkctl cldkctl
fi
