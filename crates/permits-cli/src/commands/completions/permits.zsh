#compdef permits
# Completions of permits for zsh: eval "$(permits completions zsh)", or as the file _permits in $fpath

_permits() {
    # After `--` the words are those of another command.
    local -i dashes=${words[(i)--]}
    if (( dashes < CURRENT )); then
        shift $dashes words
        (( CURRENT -= dashes ))
        _normal
        return
    fi
    local line value help
    local -a candidates given=("${(@Q)words[1,CURRENT]}")
    # A quote that is still open at the cursor: no word is unquoted without its end.
    [[ -n ${compstate[quote]} ]] && given[CURRENT]=${(Q)${:-${words[CURRENT]}${compstate[quote]}}}
    # Not the program as it was written: a key that completes should execute nothing but what is in PATH.
    for line in "${(@f)$(command permits completions zsh --word $((CURRENT - 1)) -- "${given[@]}" 2>/dev/null)}"; do
        value=${line%%$'\t'*}
        if [[ $value == */directories ]]; then
            compset -P '*='
            _files -/
            return
        fi
        help=${line#*$'\t'}
        [[ -n $value ]] && candidates+=("${value//:/\\:}${help:+:$help}")
    done
    _describe -t values permits candidates
}

if [[ ${funcstack[1]} == _permits ]]; then
    _permits "$@"
else
    compdef _permits permits
fi
