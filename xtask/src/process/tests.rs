use std::time::Instant;

use super::*;

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn every_command_is_run_and_any_failure_is_one() {
    for (front, beside, all) in [
        ("true", "true", true),
        ("false", "true", false),
        ("true", "false", false),
        ("true", "echo words; echo more >&2", true),
    ] {
        let folder = std::env::temp_dir().join(format!("xtask-{}", std::process::id()));
        let mark = format!("touch {}", folder.display());
        let mut in_front = [sh(front), sh(&mark)];
        let done = side_by_side(&mut in_front, sh(beside)).unwrap();
        assert_eq!(done, all, "{front}, {beside}");
        // A failure keeps none of those after it from running.
        std::fs::remove_file(folder).unwrap();
    }
}

#[test]
fn they_run_at_once() {
    let folder = std::env::temp_dir().join(format!("xtask-met-{}", std::process::id()));
    let folder = folder.display();
    let waits =
        format!("for i in $(seq 200); do [ -e {folder} ] && exit 0; sleep 0.05; done; exit 1");
    let mut in_front = [sh(&waits)];
    assert!(side_by_side(&mut in_front, sh(&format!("touch {folder}"))).unwrap());
    std::fs::remove_file(folder.to_string()).unwrap();
}

#[test]
fn what_a_command_leaves_running_is_not_waited_for() {
    let begun = Instant::now();
    assert!(side_by_side(&mut [], sh("sleep 60 & echo begun")).unwrap());
    assert!(begun.elapsed() < Duration::from_secs(30));
}
