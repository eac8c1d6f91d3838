//! What administrators do on the database itself: the actions of `user`, `token`, `client`, `key`,
//! `db` and `audit`.

use clap::{Args, Subcommand};

/// How a list is printed.
#[derive(Args)]
pub(crate) struct ListArgs {
    /// Print one JSON array instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum UserAction {
    /// Add a user; the first one is an administrator
    Add {
        /// Sign-in name
        name: String,
        /// Make an administrator
        #[arg(long)]
        admin: bool,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// List users
    List(ListArgs),
    /// Keep a user out: sessions and tokens stop working at once
    Disable {
        /// Sign-in name
        name: String,
    },
    /// Let a disabled user in again
    Enable {
        /// Sign-in name
        name: String,
    },
    /// Set a user's password
    Passwd {
        /// Sign-in name
        name: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove a user's second factors: their password alone signs them in again
    ResetSecondFactor {
        /// Sign-in name
        name: String,
    },
    /// End all access that a user gave to programs; these may ask again
    EndAccess {
        /// Sign-in name
        name: String,
    },
    /// Delete a user with everything that is theirs, and destroy their keys
    Delete {
        /// Sign-in name
        name: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum TokenAction {
    /// Make a token; it is printed once
    Create {
        /// Whose
        #[arg(long, value_name = "NAME")]
        user: String,
        /// What it may do, repeatable; `all` for every right of the user [default: everything but
        /// admin and approvals:decide]
        #[arg(long = "scope", value_name = "SCOPE", value_parser = known_scope)]
        scopes: Vec<String>,
        /// After how many days it stops working [default: never]
        #[arg(long, value_name = "N")]
        days: Option<u32>,
        /// What you call it
        #[arg(long, value_name = "TEXT", default_value = "cli")]
        name: String,
    },
    /// List tokens
    List {
        /// Only this user's
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Revoke a token
    Revoke {
        /// Its number, as `list` shows it
        id: i64,
    },
}

#[derive(Subcommand)]
pub(crate) enum ClientAction {
    /// Add a client; it gets no secret, since programs on people's machines can't keep one
    #[command(override_usage = "deputy client add [OPTIONS] <ID> --redirect-uri <URL>...")]
    Add {
        /// Its client_id: letters, digits, '.', '-' and '_'
        #[arg(value_parser = client_id)]
        id: String,
        /// Where it may have people sent back to: https://…, http:// on localhost, 127.0.0.1 or
        /// [::1] (then on any port), or a scheme of the program's own such as cursor://…
        #[arg(
            long = "redirect-uri",
            value_name = "URL",
            required = true,
            num_args = 1..,
            value_parser = redirect_uri
        )]
        redirect_uris: Vec<String>,
        /// What people are told it is called [default: its client_id]
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
    },
    /// List clients that were added here
    List {
        /// Also those that are built in, registered themselves or have a document
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Remove a client; whatever people allowed it ends at once
    ///
    /// One that registered itself, or has a document, can come back and ask people anew.
    Remove {
        /// Its client_id, as `list --all` shows it
        id: String,
    },
    /// End all that people allowed a client; it stays and may ask again
    End {
        /// Its client_id, as `list --all` shows it
        id: String,
    },
    /// Block a client: it can ask nobody for access, and what it had ends at once
    ///
    /// One that registers itself comes back under another client_id.
    Block {
        /// Its client_id, or with --host the host on which clients are described
        name: String,
        /// Block every client whose client_id is a URL on this host
        #[arg(long)]
        host: bool,
    },
    /// Let a blocked client ask again
    Unblock {
        /// As `blocked` shows it
        number: i64,
    },
    /// List what is blocked
    Blocked(ListArgs),
}

#[derive(Subcommand)]
pub(crate) enum KeyAction {
    /// Print a fresh key for TOKEN_ENCRYPTION_KEY
    Generate,
    /// Put everything that a former key protects under the present one
    Rotate,
}

#[derive(Subcommand)]
pub(crate) enum DbAction {
    /// Apply what is missing
    Migrate,
    /// Take back the last migrations; what is in their tables is lost
    Rollback {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// Show what is applied
    Status,
}

#[derive(Subcommand)]
pub(crate) enum AuditAction {
    /// Check the chain; exit 1 and the first broken record if it was tampered with
    Verify,
    /// Print all records as JSON lines
    Export,
}

/// The identifier of a client that an administrator adds.
fn client_id(text: &str) -> Result<String, deputy_identity::oauth::AddError> {
    deputy_identity::oauth::check_client_id(text)?;
    Ok(text.to_owned())
}

/// A redirect URI that can be registered.
fn redirect_uri(text: &str) -> Result<String, deputy_identity::oauth::redirect::RedirectError> {
    deputy_identity::oauth::redirect::check_registered(text)?;
    Ok(text.to_owned())
}

/// A scope's name, or `all`.
fn known_scope(text: &str) -> Result<String, deputy_core::principal::UnknownScope> {
    if text != "all" {
        text.parse::<deputy_core::Scope>()?;
    }
    Ok(text.to_owned())
}
