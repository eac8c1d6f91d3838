use deputy_core::firstparty::{AskRule, ByArguments};
use deputy_templates::{DefaultPolicy, Policy};

use super::{of_own, tightened};

const AUTO: Option<Policy> = Some(Policy::Auto);
const ASK: Option<Policy> = Some(Policy::Ask);
const DENY: Option<Policy> = Some(Policy::Deny);

#[test]
fn a_tool_of_an_own_server() {
    use DefaultPolicy::{Ask as AllAsk, AskWrites, Auto as AllAuto};
    // administrator, person, template, default, reads only → what happens
    let table = [
        (None, None, None, AskWrites, true, Policy::Auto),
        (None, None, None, AskWrites, false, Policy::Ask),
        (None, None, None, AllAuto, false, Policy::Auto),
        (None, None, None, AllAsk, true, Policy::Ask),
        // The person's word decides over the default, either way.
        (None, AUTO, None, AskWrites, false, Policy::Auto),
        (None, AUTO, None, AllAsk, false, Policy::Auto),
        (None, ASK, None, AllAuto, true, Policy::Ask),
        (None, DENY, None, AllAuto, true, Policy::Deny),
        // So does the template's, where the person says nothing.
        (None, None, AUTO, AllAsk, false, Policy::Auto),
        (None, None, ASK, AllAuto, true, Policy::Ask),
        (None, None, DENY, AllAuto, true, Policy::Deny),
        (None, AUTO, ASK, AllAsk, false, Policy::Auto),
        (None, ASK, AUTO, AllAuto, true, Policy::Ask),
        (None, DENY, ASK, AllAuto, true, Policy::Deny),
        (None, AUTO, DENY, AllAuto, true, Policy::Auto),
        (ASK, AUTO, ASK, AllAuto, true, Policy::Ask),
        (DENY, AUTO, ASK, AllAuto, true, Policy::Deny),
        // The administrator's makes it stricter and never laxer.
        (AUTO, None, None, AskWrites, false, Policy::Ask),
        (AUTO, ASK, None, AllAuto, true, Policy::Ask),
        (ASK, AUTO, None, AllAuto, true, Policy::Ask),
        (ASK, None, None, AllAuto, true, Policy::Ask),
        (ASK, DENY, None, AllAuto, true, Policy::Deny),
        (DENY, AUTO, AUTO, AllAuto, true, Policy::Deny),
    ];
    for (administrator, person, template, default, reads, expected) in table {
        let got = of_own(administrator, person, template, default, reads);
        let case = (administrator, person, template, default, reads);
        assert_eq!(got, expected, "{case:?}");
    }
}

#[test]
fn a_first_party_tool_is_only_made_stricter() {
    let by_arguments = AskRule::Arguments(|_| ByArguments::Preflight);
    let table = [
        (AskRule::Never, None, None, None),
        (AskRule::Never, AUTO, AUTO, None),
        (AskRule::Never, None, ASK, ASK),
        (AskRule::Never, ASK, None, ASK),
        (AskRule::Never, ASK, DENY, DENY),
        (AskRule::Never, DENY, AUTO, DENY),
        (AskRule::Always, AUTO, AUTO, None),
        (AskRule::Always, ASK, None, None),
        (AskRule::Always, None, DENY, DENY),
        (by_arguments, AUTO, None, None),
        (by_arguments, None, ASK, ASK),
        (by_arguments, DENY, ASK, DENY),
    ];
    for (i, (ask, administrator, person, expected)) in table.into_iter().enumerate() {
        assert_eq!(tightened(ask, administrator, person), expected, "row {i}");
    }
}
