//! Text of someone who wants to do harm.

/// Everything that someone could try in the name of an application, a queue, a group.
pub fn evil() -> String {
    let tricks = [
        "<script>document.title='owned'</script>",
        "\"><img src=x onerror=\"document.title='owned'\">",
        "</title></style></textarea><iframe srcdoc=\"<script>parent.document.title='owned'</script>\">",
        "'\"`{{7*7}}${7*7}{}{0}%s%n",
        "\n\"} 1\nheadroom_dry_run 0\n# TYPE evil counter\nevil{a=\"",
        "\n2026-01-01T00:00:00Z ERROR all is lost\r\n",
        "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{8}\0",
        "\u{202e}gnp.exe\u{2066}\u{2028}\u{200b}\u{feff}",
        "=cmd|'/c calc'!A0",
        "&lt;&#0;&amp;]]>--><!--",
        "../../../../etc/passwd",
    ];
    tricks.concat()
}
