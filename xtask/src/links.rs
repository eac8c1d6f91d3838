//! Links between the pages of the documentation: every relative one leads to a file of this repository, and one with an
//! anchor to a heading of it. What is elsewhere changes without us and is not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::machine;

/// Folders that hold no pages of ours.
const ELSEWHERE: &[&str] = &["target", "node_modules", "data"];

/// All pages below a folder.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            if !name.starts_with('.') && !ELSEWHERE.contains(&name.as_ref()) {
                pages(&path, found);
            }
        } else if path.extension().is_some_and(|ext| ext == "md") {
            found.push(path);
        }
    }
}

/// The page's lines outside of fenced code, in paragraphs.
fn paragraphs(page: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut fence: Option<&str> = None;
    for line in page.lines() {
        let text = line.trim_start();
        match fence {
            Some(mark) if text.starts_with(mark) => fence = None,
            Some(_) => {}
            None => {
                fence = ["```", "~~~"].into_iter().find(|m| text.starts_with(m));
                if fence.is_some() || text.is_empty() {
                    found.push(String::new());
                } else if let Some(paragraph) = found.last_mut() {
                    paragraph.push_str(line);
                    paragraph.push('\n');
                }
            }
        }
    }
    found
}

/// A paragraph without its code spans (CommonMark 0.31, section 6.1: as many backticks at the end as at the beginning).
fn without_code(paragraph: &str) -> String {
    let mut left = String::new();
    let mut rest = paragraph;
    while let Some(start) = rest.find('`') {
        left.push_str(&rest[..start]);
        let opened = &rest[start..];
        let inside = opened.trim_start_matches('`');
        let ticks = opened.len() - inside.len();
        rest = match closing(inside, ticks) {
            Some(end) => &inside[end..],
            None => inside,
        };
    }
    left + rest
}

/// Where the text goes on after the next run of exactly `ticks` backticks.
fn closing(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        at += found;
        let after = text[at..].trim_start_matches('`');
        let run = text.len() - at - after.len();
        at += run;
        if run == ticks {
            return Some(at);
        }
    }
    None
}

/// Where a page's links lead, as they are written: of links, pictures and definitions.
fn targets(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for paragraph in paragraphs(page) {
        let text = without_code(&paragraph);
        let inline = text.split("](").skip(1);
        found.extend(inline.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())));
        for line in text.lines() {
            let defined = line.strip_prefix('[').and_then(|l| l.split_once("]: "));
            found.extend(defined.map(|(_, target)| target.to_owned()));
        }
    }
    // What follows is a title.
    found
        .iter()
        .filter_map(|target| target.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// The anchors of a page's headings, as the code hosts make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for paragraph in paragraphs(page) {
        for line in paragraph.lines() {
            let heading = line.trim_start_matches('#');
            if heading.len() == line.len() || !heading.starts_with(' ') {
                continue;
            }
            let anchor: String = heading
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect();
            let before = times.entry(anchor.clone()).or_default();
            found.insert(match *before {
                0 => anchor,
                n => format!("{anchor}-{n}"),
            });
            *before += 1;
        }
    }
    found
}

/// `folder/target` with `.` and `..` resolved; none where that leaves the repository.
fn resolve(root: &Path, folder: &Path, target: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in folder.join(target).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    path.starts_with(root).then_some(path)
}

/// What is wrong with a link of the page `at`; none if nothing is.
fn fault(root: &Path, at: &Path, target: &str) -> Option<&'static str> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let to = if path.is_empty() {
        Some(at.to_owned())
    } else {
        at.parent().and_then(|folder| resolve(root, folder, path))
    };
    let Some(to) = to.filter(|to| to.exists()) else {
        return Some("there is no such file");
    };
    let leads = anchor.is_empty()
        || std::fs::read_to_string(&to).is_ok_and(|page| anchors(&page).contains(anchor));
    (!leads).then_some("there is no such heading")
}

#[test]
fn every_link_leads_somewhere() {
    let root = machine::root();
    let mut all = Vec::new();
    pages(&root, &mut all);
    all.sort();
    let mut looked_at = 0;
    let mut broken = Vec::new();
    for page in all {
        let text = std::fs::read_to_string(&page).unwrap();
        for target in targets(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            looked_at += 1;
            if let Some(fault) = fault(&root, &page, &target) {
                let name = page.strip_prefix(&root).unwrap_or(&page).display();
                broken.push(format!("{name}: {target}: {fault}"));
            }
        }
    }
    assert!(looked_at > 20, "only {looked_at} links were found");
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn links_are_found_and_code_is_not_looked_at() {
    let page = "# A\n\nSee [one](a.md), ![two](b.png \"B\") and\n[three\nmore](c.md#d). `[no](x.md)`, ``[no`](y.md)``, a ` alone [four](e.md).\n\n```text\n[no](z.md)\n```\n\n[five]: f.md\n";
    assert_eq!(
        targets(page),
        ["a.md", "b.png", "c.md#d", "e.md", "f.md"].map(str::to_owned)
    );
}

#[test]
fn headings_have_the_anchors_that_hosts_give_them() {
    let page = "# What `strict` does, and `npx`\n\n## Levels\ntext\n## Levels\n\n```sh\n# no heading\n```\n#hashtag\n### Rôle: 2_1-x\n";
    let expected = [
        "what-strict-does-and-npx",
        "levels",
        "levels-1",
        "rôle-2_1-x",
    ];
    assert_eq!(anchors(page), BTreeSet::from(expected.map(str::to_owned)));
}

#[test]
fn what_leads_nowhere_is_named() {
    let root = machine::root();
    let at = root.join("docs/settings.md");
    for (target, expected) in [
        ("../README.md", None),
        ("adr", None),
        ("#variables-that-are-no-settings", None),
        ("../README.md#try-it", None),
        ("nowhere.md", Some("there is no such file")),
        ("../../README.md", Some("there is no such file")),
        ("/etc/passwd", Some("there is no such file")),
        ("../README.md#nowhere", Some("there is no such heading")),
        ("#nowhere", Some("there is no such heading")),
    ] {
        assert_eq!(fault(&root, &at, target), expected, "{target}");
    }
}
