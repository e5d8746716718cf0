# Completions of permits for bash: . <(permits completions bash)

_permits() {
    COMPREPLY=()
    # bash splits words at `=` and `:` too. Where no space is between two of them, they are one.
    local words=() rest=$COMP_LINE word cut i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        cut=${rest#"${rest%%[![:space:]]*}"}
        if ((i == 0)) || [[ $cut != "$rest" ]] || [[ -z $rest && -z $word && ${COMP_WORDS[i - 1]} != [=:] ]]; then
            words+=("$word")
        else
            words[${#words[@]} - 1]+=$word
        fi
        rest=${cut#"$word"}
        # After `--` the words are those of another command.
        if [[ $word == -- && $i -lt $COMP_CWORD ]]; then
            _permits_command $((i + 1))
            return
        fi
    done

    local last=$((${#words[@]} - 1)) raw=${COMP_WORDS[COMP_CWORD]} line value prefix
    # What of the last word stands before the part that bash replaces.
    [[ $raw == [=:] ]] && raw=
    prefix=${words[last]%"$raw"}
    local quote REPLY
    for i in "${!words[@]}"; do
        _permits_unquote "${words[i]/#\~\//"$HOME/"}"
        words[i]=$REPLY
    done
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        value=${value#"$prefix"}
        if [[ $value == /directories ]]; then
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -d -- "$raw")
            return
        fi
        # What bash puts behind a quote that is open at the cursor, it puts there as it is.
        case $quote in
            \") value=${value//\\/\\\\} value=${value//\"/\\\"} value=${value//\$/\\\$} value=${value//\`/\\\`} ;;
            \') value=${value//\'/\'\\\'\'} ;;
            *) printf -v value %q "$value" ;;
        esac
        COMPREPLY+=("$value")
    # Not the program as it was written: a key that completes should execute nothing but what is in PATH.
    done < <(command permits completions bash --word "$last" -- "${words[@]}" 2>/dev/null)
}

# The word in REPLY, without its quotes; in `quote` the one that is still open at its end.
_permits_unquote() {
    local word=$1 char
    REPLY='' quote=''
    while [[ -n $word ]]; do
        char=${word:0:1} word=${word:1}
        case $quote$char in
            \'\' | \"\") quote= ;;
            \' | \") quote=$char ;;
            \\) REPLY+=${word:0:1} word=${word:1} ;;
            \"\\)
                [[ ${word:0:1} == [\"\\\$\`] ]] && char=${word:0:1} word=${word:1}
                REPLY+=$char
                ;;
            *) REPLY+=$char ;;
        esac
    done
}

# The command that begins with that word, as bash completes it by itself.
_permits_command() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    else
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
    fi
}

complete -F _permits permits
