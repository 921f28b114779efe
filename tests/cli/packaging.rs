//! Completion scripts and manual pages, which packages ship.

use std::fs;
use std::process::{Command, Stdio};

use super::{Answer, Folder};

#[test]
fn every_shell_gets_a_script_that_names_the_commands() {
    let folder = Folder::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = folder.stdout(&format!("completions {shell}"));
        for name in ["simulate", "seeds", "swim", "completions"] {
            assert!(script.contains(name), "{shell} lacks {name}");
        }
    }
}

#[test]
fn bash_completes_commands_and_options() {
    let folder = Folder::new();
    folder.write("completions.bash", folder.stdout("completions bash"));
    for (words, expected) in [
        ("headroom simu", "simulate"),
        ("headroom simulate --see", "--seeds"),
        ("headroom import s", "swim"),
    ] {
        let script = format!(
            "source completions.bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _headroom headroom \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             echo \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(folder.path(""))
            .stdin(Stdio::null())
            .output();
        let answer = Answer::of(output.expect("bash runs"));
        let offered: Vec<&str> = answer.stdout.split_whitespace().collect();
        assert!(offered.contains(&expected), "{words}: {answer:?}");
    }
}

#[test]
fn a_manual_page_has_the_options_the_examples_and_the_exit_codes() {
    let folder = Folder::new();
    let page = folder.stdout("man");
    assert!(page.contains(".TH headroom 1"), "{page}");
    assert!(page.contains("Exit codes:"), "{page}");
    let page = folder.stdout("man import swim");
    assert!(page.contains(".TH headroom-import-swim 1"), "{page}");
    assert!(page.contains("headroom import swim"), "{page}");
    assert_eq!(
        folder.run("man simulation").stderr,
        "error: there is no command `simulation`; `headroom --help` lists the commands\n"
    );
}

#[test]
fn all_manual_pages_are_written_to_a_folder() {
    let folder = Folder::new();
    assert_eq!(folder.stdout("man --out-dir share/man1"), "");
    let pages = fs::read_dir(folder.path("share/man1")).expect("a folder");
    let names: Vec<String> = pages
        .map(|page| page.expect("a page").file_name().into_string())
        .collect::<Result<_, _>>()
        .expect("UTF-8");
    for name in [
        "headroom.1",
        "headroom-simulate.1",
        "headroom-import-swim.1",
        "headroom-run.1",
    ] {
        assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
    }
}
