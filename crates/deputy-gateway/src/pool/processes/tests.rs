use super::{Look, Seen};

#[test]
fn a_name_with_anything_in_it_moves_no_field() {
    let stat = "7 (a) R 1 (b) S 1 42 43 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 11 0 99 1000 321 18446";
    let seen = Seen::parse(stat).unwrap();
    let expected = Seen {
        pid: 7,
        parent: 1,
        group: 42,
        session: 43,
        since: 99,
        pages: 321,
        dead: false,
    };
    assert_eq!(seen, expected);
    assert!(Seen::parse(&stat.replace(") S", ") Z")).unwrap().dead);
    assert_eq!(Seen::parse("7 (a"), None);
    assert_eq!(Seen::parse("7 (a) S 1"), None);
}

fn seen(pid: i32, parent: i32, session: i32) -> Seen {
    Seen {
        pid,
        parent,
        group: session,
        session,
        since: 0,
        pages: 1,
        dead: false,
    }
}

/// Numbers that no process has.
const ME: i32 = 2_000_000_000;

fn look(all: Vec<Seen>) -> Look {
    Look {
        all,
        leaders: [ME + 10, ME + 20]
            .map(|pid| (pid, format!("of-{pid}")))
            .into(),
        me: ME,
        session: ME - 1,
    }
}

#[test]
fn what_a_server_started_is_its_wherever_it_went() {
    let all = vec![
        seen(ME, 1, ME - 1),
        seen(ME + 10, ME, ME + 10),
        // below it, in sessions of their own
        seen(ME + 11, ME + 10, ME + 10),
        seen(ME + 12, ME + 11, ME + 12),
        seen(ME + 13, ME + 12, ME + 13),
        seen(ME + 20, ME, ME + 20),
        // whose parent ended, in its session
        seen(ME + 21, ME, ME + 20),
        seen(ME + 22, ME + 21, ME + 22),
        // nobody's
        seen(ME + 30, ME, ME + 30),
        seen(ME + 31, ME + 30, ME + 10),
        // the program's own, and somebody else's
        seen(ME + 40, ME, ME - 1),
        seen(ME + 50, 1, ME + 50),
        // a ring, as two looks at different times may show
        seen(ME + 60, ME + 61, 1),
        seen(ME + 61, ME + 60, 1),
    ];
    let look = look(all);
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .unwrap()
        .unwrap();
    let page = u64::try_from(page).unwrap();
    assert_eq!(
        look.memory(),
        [(ME + 10, 4 * page), (ME + 20, 3 * page)].into()
    );
    let left: Vec<_> = look.left().map(|seen| seen.pid - ME).collect();
    assert_eq!(left, [21, 30]);
    let owners: Vec<_> = look.left().map(|seen| look.leader_of(seen)).collect();
    assert_eq!(owners, [Some(ME + 20), None]);
}
