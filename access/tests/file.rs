//! Faults of an access file: one line each, with the number of the line at fault.

use gitwasi_access::AccessFile;

#[test]
fn faults_name_their_line() {
    let table = [
        (
            "raed = 'everyone'",
            "line 1: unknown field `raed`, expected one of `realm`, `read`, `write`, `create`, `users`, `repository`",
        ),
        (
            "\n\nread = 'world'",
            "line 3: invalid value: string \"world\", expected \"everyone\", \"principals\", \"nobody\" or a list of names",
        ),
        (
            "read = true",
            "line 1: invalid type: boolean `true`, expected \"everyone\", \"principals\", \"nobody\" or a list of names",
        ),
        ("read = ['a', 'everyone']", "line 1: \"everyone\" stands alone, not in a list"),
        ("read = [\n 'a',\n '']", "line 3: a name must not be empty"),
        ("# x\nrealm = \"a\\nb\"", "line 2: the realm must be printable ASCII"),
        ("realm = 'ä'", "line 1: the realm must be printable ASCII"),
        (
            "[users.alice]\npasword = ''",
            "line 2: unknown field `pasword`, expected one of `password`, `read`, `write`, `create`",
        ),
        (
            "[users.alice]\npassword = 'hunter2'",
            "line 2: the password is not a known hash ($argon2id$, $2a$, $2b$ or $2y$)",
        ),
        ("[users.alice]\n\npassword = '$2y$05$x'", "line 3: the password hash is malformed"),
        ("[users.'a:b']", "line 1: a user name must not have a colon"),
        (
            "[users.bob]\n[users.everyone]",
            "line 2: \"everyone\", \"principals\" and \"nobody\" cannot be user names",
        ),
        ("[users.alice]\n[users.alice]", "line 2: duplicate key"),
        (
            "[users.a]\nwrite = 'team/*'",
            "line 2: invalid type: string \"team/*\", expected a sequence",
        ),
        (
            "[users.a]\nwrite = [\n  'ok',\n  '[x',\n]",
            "line 4: invalid repository pattern: unclosed character class; missing ']'",
        ),
        (
            "[users.a]\nread = ['/x']",
            "line 2: a repository pattern must not start or end with \"/\", nor have an empty, \".\" or \"..\" component",
        ),
        ("[[repository]]\nread = 'nobody'", "line 1: missing field `name`"),
        ("[[repository]]\nname = 'x'", "line 2: a repository needs \"read\" or \"write\""),
        (
            "[[repository]]\nname = 'x'\nread = 'nobody'\n[[repository]]\nname = 'a//b'\nread = 'nobody'",
            "line 5: a repository pattern must not start or end with \"/\", nor have an empty, \".\" or \"..\" component",
        ),
        ("[repository]\nname = 'x'", "line 1: invalid type: map, expected a sequence"),
        ("[users", "line 1: unclosed table, expected `]`"),
        ("a = 1\nb = \"x", "line 2: invalid basic string, expected `\"`"),
    ];
    let mut faults = String::new();
    for (text, expected) in table {
        let message = AccessFile::parse(text).unwrap_err().to_string();
        if message != expected {
            faults += &format!("{text:?}\n  {message}\n  {expected}\n");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_truncation_of_a_file_is_read_or_refused_in_one_line() {
    let text = "realm = \"ä\"\n[users.'al ice']\nwrite = ['a/*', \"\"\"b\"\"\"]\n[[repository]]\nname='x'\n";
    for end in (0..=text.len()).filter(|&end| text.is_char_boundary(end)) {
        if let Err(error) = AccessFile::parse(&text[..end]) {
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
        }
    }
}

#[test]
fn other_spellings_of_toml_are_read() {
    for text in [
        "",
        "\u{feff}read = 'nobody'\r\nwrite = []\r\n",
        "users.alice.write = ['a']\nusers.bob = {}",
        "users = { alice = { read = ['a'] } }\nrepository = [{ name = 'a', read = ['b'] }]",
        "[users.\"jörg müller\"]\nread = ['**']",
    ] {
        assert!(AccessFile::parse(text).is_ok(), "{text:?}");
    }
}
