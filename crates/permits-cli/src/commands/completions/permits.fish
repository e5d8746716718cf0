# Completions of permits for fish: permits completions fish | source

function __permits_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    # After `--` the words are those of another command.
    if set -l dashes (contains -i -- -- $words)
        set -l rest (string escape -- $words[(math $dashes + 1)..-1])
        test $dashes -eq (count $words); and set rest
        complete -C (string join -- ' ' $rest $current)
        return
    end
    set -l index (count $words)
    set -a words (string unescape -- $current; or string trim -c '"\'' -- $current)
    test (count $words) -gt $index; or set -a words ''
    # Not the program as it was written: a key that completes should execute nothing but what is in PATH.
    for line in (command permits completions fish --word $index -- $words 2>/dev/null)
        set -l value (string split -m 1 \t -- $line)[1]
        if string match -q '*/directories' -- $value
            set -l option (string match -r '^--[^=]*=' -- $current)
            __fish_complete_directories (string replace -- "$option" '' $current) '' | string replace -r '^' -- "$option"
        else
            echo $line
        end
    end
end

complete -c permits -f -a '(__permits_complete)'
