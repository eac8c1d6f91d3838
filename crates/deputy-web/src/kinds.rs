//! What is said of kinds of servers, to people and to programs: what is run, and whether it can be
//! run here.

use deputy_gateway::servers::Missing;
use deputy_templates::{Network, Template, Transport};

use crate::App;
use crate::text::Text;

/// Why a kind can't be added on this machine; none if it can.
pub(crate) fn unavailable(app: &App, template: &Template, t: Text) -> Option<String> {
    Some(match app.gateway.servers().missing(template)? {
        Missing::Program(program) => {
            let needs = template.needs.programs.as_ref();
            let needs = needs.map_or(program.as_str(), |text| text.get(t.language));
            t.tr1("kind-needs-program", "program", needs)
        }
        Missing::Commands => t.tr("kind-needs-commands"),
        Missing::Folders => t.tr("kind-needs-folders"),
    })
}

/// Whether a server of this kind gets the network.
pub(crate) fn has_network(template: &Template) -> bool {
    matches!(template.transport, Transport::Http(_)) || template.needs.network == Network::Open
}

/// Whether a server of this kind is somewhere else, and not run here.
pub(crate) fn is_remote(template: &Template) -> bool {
    matches!(template.transport, Transport::Http(_))
}

/// The command line or the URL, with the names of what is filled in where it goes.
pub(crate) fn readable_pattern(template: &Template, t: Text) -> String {
    let mut text = pattern(template);
    for field in &template.fields {
        let title = format!("‹{}›", field.title.get(t.language));
        for source in ["config", "input"] {
            text = text.replace(&format!("${{{source}:{}}}", field.name), &title);
        }
    }
    text
}

/// The command line or the URL, with the placeholders in it.
pub(crate) fn pattern(template: &Template) -> String {
    let row = template.to_row();
    let args: Vec<String> = row
        .args_template
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    std::iter::once(row.command_template)
        .chain(args)
        .collect::<Vec<_>>()
        .join(" ")
}
