### Texts of the web pages. Every key exists in every language; a test compares them.

## Frame
language = Language
skip-to-content = Skip to content
nav-label = Main menu
nav-home = Home
nav-connect = Connections
nav-approvals = Approvals
nav-servers = Servers
nav-activity = Activity
nav-settings = Settings
account-menu = Account menu
role-admin = Administrator
role-user = Member
sign-out = Sign out
sandbox-title = Sandbox
sandbox-text = Google is emulated here, on this machine. Servers that you add are real.
sandbox-google = Look into the emulated Google
sandbox-sign-in = Sign in as { $user } with the password { $password }.
save = Save
cancel = Cancel
done = Done
dismiss = Dismiss
details = Details
see-all = See all
review = Review
revoke = Revoke

## Sign-in
login-title = Sign in
login-heading = Welcome back
login-lead = Sign in to see what your deputy is doing for you.
login-username = User name
login-password = Password
login-submit = Sign in
login-wrong = This user name and password do not match. Please try again.
login-throttled = { $minutes ->
    [one] Too many attempts. Please wait { $minutes } minute and try again.
   *[other] Too many attempts. Please wait { $minutes } minutes and try again.
}

## Home
home-hello = Hello, { $name }
home-lead-new = Connect an account first, then give your assistant a token: that is all it takes.
home-lead-pending = { $n ->
    [one] { $n } thing is waiting for your decision.
   *[other] { $n } things are waiting for your decision.
}
home-lead-calm = Everything is quiet. Your assistants act for you, and you keep the last word.
home-pending = Waiting for you
home-activity = Recent activity
pending-empty-title = Nothing to decide
pending-empty-text = When an assistant wants to send mail, invite somebody or delete something, it asks here first.
activity-empty-title = Nothing has happened yet
activity-empty-text = Every call made in your name appears here.
client-title = Connect your assistant
client-lead = Any MCP client can act through Deputy with one of your tokens in place of YOUR_TOKEN.
client-make-token = Create a token
client-file = Put this into { $file }:
client-shell = Command line
client-other = Another MCP client
client-other-text = Choose the transport “streamable HTTP”, enter the address and send the token in a header:
client-select-hint = One click on a box selects all of it.

## Services
service-calendar = Google Calendar
service-gmail = Gmail
service-drive = Google Drive
service-google = Google
state-connected = Connected
state-disconnected = Not connected
state-expired = Expired
not-granted = not allowed
grant-calendar-read = See your calendars
grant-calendar-events = See, create, change and delete events; it asks you before inviting people
grant-gmail-read = Read and search your mail
grant-gmail-send = Send mail in your name; it asks you every time
grant-gmail-compose = Write drafts
grant-drive = See, create and change your files
grant-docs = Read and write Google Docs

## Connections
connect-title = Connections
connect-lead = Choose what Deputy may do for you at Google. You can take it back at any time.
connect-action = Connect
connect-all = Connect everything
connect-more = Allow the rest
connect-account = Your Google account
connect-since = Connected since { $when }.
connect-renewed = Access is renewed by itself.
connect-promise = Google asks you to confirm each permission. Deputy keeps the keys encrypted, uses them only for your own calls and never shows them to an assistant.
connect-unavailable = This server has no Google client yet. Ask your administrator to set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET.
disconnect-action = Disconnect
disconnect-all = Disconnect Google
disconnect-title = Disconnect
disconnect-heading-one = Disconnect { $service }?
disconnect-heading-all = Disconnect Google?
disconnect-text = Your assistants lose access at once, and running work for this service stops. Nothing at Google is deleted.
disconnect-last = Deputy also tells Google to withdraw the permission and deletes the keys.
disconnect-others-stay = Your other Google services stay connected.
disconnect-confirm = Yes, disconnect
notice-disconnected-title = Google was disconnected
notice-revoked = Google no longer accepts the permission: it was withdrawn, or your password changed. Connect again to go on.
notice-testing = Google no longer accepts the permission. It was less than eight days old: most likely the Google client is still in Testing mode, where permissions end after seven days. Ask your administrator to publish it, then connect again.
notice-reauthentication = Your organisation asks people to sign in to Google again from time to time. Connect again to go on.
notice-time-limit = The permission was limited in time, and the time is over. Connect again to go on.
notice-other = The connection ended. Connect again to go on.
callback-ok-title = Google is connected
callback-ok-text = Your assistants can use it now. You may close this window.
callback-none-text = You did not allow any of the services. Nothing was connected.
callback-failed-title = Google was not connected
callback-state = This link is not valid any more. It works once and for ten minutes: please start again.
callback-other-person = This link was started by another person. Nothing was connected.
callback-refused = You did not give the permission. Nothing was connected.
callback-upstream = Google did not confirm the connection. Please try again in a moment.
callback-incomplete = The answer from Google is incomplete. Please start again.
to-home = Go to the start page
to-connections = Go to connections
try-again = Try again

## Servers
servers-title = Your servers
servers-lead = MCP servers that run for you alone. Your assistants use their tools through Deputy.
servers-empty-title = No servers yet
servers-empty-text = Add the first one below: files, GitHub, a database, or any other.
server-add = Add a server
server-add-lead = Choose what it is for. Nothing runs before you have seen what will be run.
server-used = last used { $when }
server-never-used = not used yet
server-inactive = Sleeping
server-starting = Starting
server-active = Running
server-error = Error
server-needs-consent = Needs your permission
server-disabled = Off
server-consent-text = This server waits for your permission.
server-retry = Deputy starts it again in { $time } at the earliest. A test starts it at once.
server-settings-refused = These settings are not accepted any more. Edit them, or ask the administrator.
server-kind-gone = There are no servers of this kind ({ $kind }) here any more, so it can neither run nor be edited. Ask the administrator, or delete it.
server-failed = It failed the last time. What Deputy saw of it:
server-printed = What it printed last
server-new-title = Add: { $kind }
server-edit-title = Edit { $name }
server-name = Name
server-name-help = Small letters, digits and dashes. Tools are called by this name: NAME__TOOL.
server-name-taken = You already have a server of this name.
server-name-reserved = Deputy’s own server has this name. Choose another.
server-name-wrong = A name begins with a small Latin letter and has at most 32 small letters, digits and dashes.
server-changed-meanwhile = It was changed at the same time. Look at it again.
server-stored-now = It is now: { $value }
server-policy = Tools without a rule of their own
server-policy-help = You can set a rule for each tool afterwards.
server-continue = Continue
server-setup = How to set it up
server-runs-pattern = What will be run
form-wrong = Something in the form is not right. Nothing was changed.
form-not-saved = Nothing was changed.
form-secrets-again = What you typed in secret is never written into a page: give it once more.
field-optional = optional
field-when = If “{ $field }” is { $values }
field-roots = It must be inside
secret-set = Set
secret-replace = Leave empty to keep it.
secret-remove = Remove
review-title = Add { $name }?
review-lead = This program will run on the server’s machine for you alone, closed in and with no more than what is listed here.
review-lead-unconfined = This program will run on the server’s machine for you alone.
review-lead-remote = Calls of its tools will go to this address.
review-add = Add
runs-network = Network
runs-network-open = yes
runs-network-none = none
runs-network-remote = Deputy reaches it at this address
runs-unconfined = This installation confines no servers (DEPUTY_SANDBOX is off): the program can do whatever Deputy can, whatever is listed here.
runs-folders = Folders
runs-folders-none = none of yours
runs-folders-own = one of its own
runs-access = Access
runs-access-oauth = with your permission, given at its sign-in page
server-test = Test
server-enable = Switch on
server-disable = Switch off
server-edit = Edit
server-delete = Delete
server-delete-title = Delete { $name }?
server-delete-text = It is stopped, and its settings, secrets and rules are deleted, with what it kept for itself. Your folders stay as they are.
server-delete-confirm = Yes, delete
test-ok = It works
test-failed = It does not work
test-summary = { $tools } in { $time }
server-test-first = Deputy reads its tools by itself soon; the first start may take a minute while its packages are fetched. The tools it has then are the ones you agree to. A test does it at once and shows how it went.
server-test-first-remote = Deputy reads its tools by itself soon. The tools it has then are the ones you agree to. A test does it at once and shows how it went.
held-title = Waiting for you
held-lead = The server describes these tools otherwise than when you agreed, or brought them later. They can’t be called until you allow them. What they say is the server’s own words: read, but don’t trust.
held-difference = What changed in { $tool }
held-invisible = The difference is in characters that can’t be seen.
held-allow = Allow
held-allow-all = Allow all of these
held-more = { $n ->
    [one] { $n } more waits. It is shown when you have decided on these.
   *[other] { $n } more wait. They are shown when you have decided on these.
}
held-cut = This is not all of it. What is not shown can’t be allowed.
held-whole = Show all of it
tool-changed = Changed
tool-new = New
tool-gone = Gone
tool-unusable = Can’t be called
tool-read-only = only reads
tool-destructive = can destroy
tool-by-administrator = by the administrator’s rule
tool-policy-of = Rule for { $tool }
tool-description = Description
server-tools = Tools
server-tools-lead = What happens when an assistant calls one. Without a rule of its own:
server-instructions = What it tells every assistant that uses it alone
server-tools-empty = No tools are known yet. Deputy reads them by itself after the server was added; a test does it at once.
server-tools-empty-off = No tools are known yet. Deputy reads them once the server is switched on.
tools-save = Save the rules
policy-default = Server’s default
policy-auto = At once
policy-ask = Ask me
policy-deny = Never
policy-ask-writes = Ask me before those that change something
policy-ask-all = Ask me before each call
policy-auto-all = Call without asking
server-runs = What is run
server-where = Where it is
server-use = How to use it
server-use-lead = A client that is connected to Deputy has its tools already.
server-use-alone = For this server alone, with its resources and prompts, use its own address and one of your tokens:
server-log = Log
server-log-empty = It has printed nothing lately.
kind-needs-program = This machine lacks: { $program }.
kind-needs-commands = The administrator allows no commands (DEPUTY_CUSTOM_COMMANDS).
kind-needs-folders = The administrator allows no folders (DEPUTY_FILES_ROOTS).
rules-title = Rules about tools, for everybody
rules-lead = You are an administrator. A rule holds for every person; a person’s own rule can only be stricter.
rule-new = Add a rule
rule-server = Kind of server
rule-tool = Tool
rule-tool-help = As its server names it; empty for all of them.
rule-policy = What happens at the least
rule-ask = Ask the person
rule-remove = Remove
home-servers = Your servers need you
server-held = { $n ->
    [one] { $n } tool is held back until you look at it.
   *[other] { $n } tools are held back until you look at them.
}
server-limit = { $n ->
    [one] You already have { $n } server, which is the most. Delete it first.
   *[other] You already have { $n } servers, which is the most. Delete one first.
}
test-tools = { $n ->
    [one] { $n } tool
   *[other] { $n } tools
}

## Approvals
approvals-title = Approvals
approvals-lead = What an assistant wants to do in your name and may not without you. Look at exactly what would happen, then decide.
approve = Approve
reject = Reject
asked-when = Asked { $when }
expires-in = { $n ->
    [0] less than a minute left
    [one] { $n } minute left
   *[other] { $n } minutes left
}
decided-title = Recent decisions
result = Result
no-arguments = Without arguments.
approval-approved = Approved
approval-rejected = Rejected
approval-expired = Expired
approval-pending = Waiting
approval-done = Done
approval-failed = Failed

## Activity
call-ok = Done
call-error = Failed
call-refused = Refused
call-waiting = Asked
call-held = Held back
caller-browser = Browser
caller-anybody = Not signed in
caller-client = { $name } (client)
caller-cli = Command line
call-started = Begun
activity-lead = Everything that was done in your name: by whom, when, and how it ended.
usage-title = Usage
usage-title-of = Usage of { $name }
usage-period = Period
usage-empty = No calls in this period
usage-calls = Calls
usage-success = Success
usage-time = Average time
usage-busiest = Most used
usage-failed = Failed
usage-good = Succeeded
usage-by-day = By day
usage-by-server = By server
usage-plot-label = Calls by day; the table below says the same
usage-table = As a table
usage-day = Day
usage-server = Server
unit-ms = { $n } ms
unit-s = { $n } s
records-title = Records
records-lead = The newest come first. Records hold no contents, only names and digests.
records-filter = Filter
records-from = From
records-to = To
records-action = Kind
records-outcome = Outcome
records-target = Tool or server
records-caller = Through what
records-person = Person
records-everybody = Everybody
records-any = Any
records-show = Show
records-clear = Show everything
records-none = No records fit
records-pages = Pages
records-newer = Newer
records-older = Older
activity-kind-tool = Calls of tools
activity-kind-resource = Resources read
activity-kind-prompt = Prompts fetched
activity-kind-approval = Approvals
activity-kind-server = Servers
activity-kind-context = Selection of a server
activity-kind-tools = Rules about tools
activity-kind-policies = Rules for everybody
activity-kind-connection = Connections
activity-kind-access = Clients’ access
activity-kind-client = Clients
activity-kind-token = Access tokens
activity-kind-session = Sign-ins
activity-kind-factor = Second factors
activity-kind-password = Passwords
activity-kind-user = Users
activity-kind-key = Keys
activity-kind-note = Notes
activity-kind-task = Tasks
activity-kind-project = Projects
activity-kind-requirement = Requirements
action-tool-call = Called
action-tool-result = Answered
action-resource-read = Resource read
action-prompt-get = Prompt fetched
action-approval-ask = Asked for approval
action-approval-approve = Approved
action-approval-reject = Rejected
action-connection-connect = Account connected
action-connection-disconnect = Account disconnected
action-access-allow = Access allowed
action-access-deny = Access refused
action-access-end = Access ended
action-access-end-all = All access ended
action-access-reuse = Copied token presented: access ended
action-client-register = Client registered
action-client-add = Client added
action-client-remove = Client removed
action-client-block = Client blocked
action-client-unblock = Client let in again
action-token-create = Token created
action-token-revoke = Token revoked
action-session-start = Signed in
action-session-end-all = Signed out everywhere
action-password-change = Password changed
action-servers-create = Server added
action-servers-change = Server changed
action-servers-delete = Server deleted
action-servers-test = Server tested
action-servers-accept = Tools allowed
action-servers-tool-policy = Rule about a tool
action-servers-tools-changed = Tools held back
action-context-select = Server selected
action-context-clear = Selection cleared
action-tools-policy = Rule about a tool
action-policies-set = Rule for everybody
action-user-add = User added
action-user-delete = User deleted
action-user-disable = User disabled
action-user-enable = User enabled
action-user-password = Password set by an administrator
action-key-rotate = Root key changed
action-note-change = Note changed
action-task-change = Task changed
action-project-change = Project changed
action-requirement-change = Requirement changed

## Settings
profile-title = You
profile-name = Name
profile-name-needed = A name has 1 to 100 characters.
profile-username = You sign in as { $username }.
profile-zone = Time zone
tokens-title = Access tokens
tokens-lead = A token lets a program act as you, within the rights that you tick. Give each program its own, so that you can revoke one alone.
tokens-empty-title = No tokens yet
tokens-empty-text = Create the first one for your assistant.
token-new = Create a token
token-name = What is it for?
token-name-example = Claude on my laptop
token-days = Valid for
token-scopes = It may
token-create = Create
token-made = Your new token “{ $name }”
token-once = Copy it now: it is shown only this once.
token-used = last used { $when }
token-never-used = never used
token-expires = valid until { $when }
token-no-expiry = no expiry
token-expired = Expired
token-name-needed = Please say what the token is for.
token-scope-needed = Please tick at least one right.
token-too-many = There are { $n } tokens already. Revoke one first.
days = { $n ->
    [one] { $n } day
   *[other] { $n } days
}
scope-tools-read = See the list of tools
scope-tools-call = Use tools that only read
scope-tools-write = Use tools that change something
scope-approvals-decide = Decide approvals for you (an assistant that can do this needs no approval)
scope-chat = Talk to the assistant
scope-servers-manage = Manage your own servers
scope-integrations-manage = Connect and disconnect accounts
scope-audit-read = Read your records
scope-admin = Administer this installation
password-title = Password
password-current = Current password
password-new = New password
password-again = New password again
password-help = Signs out your other devices.
password-change = Change password
password-differs = The two new passwords differ.
password-wrong = The current password is not right.
password-short = The new password needs at least { $n } characters.
password-long = The new password has more than { $n } characters.
password-common = The new password is among the most common ones. Please choose another.
password-like-name = The new password must not be your user name.
sessions-title = Where you are signed in
sessions-lead = You stay signed in for up to 14 days.
session-this = This device
session-started = since { $when }
session-seen = active { $when }
session-unknown = Unknown device
sign-out-everywhere = Sign out everywhere
zone-unknown = There is no such time zone. Use a name like Europe/Kyiv.

## What just happened
flash-saved = Saved.
flash-password = The password is changed; your other devices are signed out.
flash-token-revoked = The token is revoked. It stopped working this moment.
flash-disconnected = Disconnected.
flash-approved = Approved and done.
flash-approved-failed = Approved, but it did not work. Look at the details below.
flash-rejected = Rejected. Nothing was done.
flash-already-decided = This was decided before; nothing was done again.
flash-expired = This request has expired. The assistant can ask again.
flash-signed-out = You are signed out.
flash-not-connected = There was nothing to disconnect.
flash-server-added = Added. Deputy reads its tools now; a test shows how that goes.
flash-server-deleted = Deleted.
flash-tools-allowed = Allowed. The tools can be called again.
flash-tools-changed-again = They changed again meanwhile, so nothing was allowed. Look at them once more.
flash-draft-lapsed = That took too long, so nothing was added. Please fill in the form again.

## Times
span-seconds = { $n ->
    [one] { $n } second
   *[other] { $n } seconds
}
span-minutes = { $n ->
    [one] { $n } minute
   *[other] { $n } minutes
}
span-hours = { $n ->
    [one] { $n } hour
   *[other] { $n } hours
}
time-now = just now
time-minutes = { $n ->
    [one] { $n } minute ago
   *[other] { $n } minutes ago
}
time-hours = { $n ->
    [one] { $n } hour ago
   *[other] { $n } hours ago
}
time-days = { $n ->
    [one] { $n } day ago
   *[other] { $n } days ago
}

## Errors
error-not-found-title = There is nothing here
error-not-found-text = The page does not exist, or it is not yours.
error-method-title = This does not work that way
error-method-text = The page cannot be used with this method.
error-form-title = Please try that again
error-form-text = The form was old or came from another site, so nothing was done. Go back, reload the page and send it again.
error-invalid-title = Something in the form is not right
error-large-title = That is too large
error-large-text = The server takes less than that in one piece.
error-server-title = Something went wrong
error-server-text = It is our fault, not yours, and it was written down. Please try again in a moment.
error-busy-title = One moment, please
error-busy-text = There were too many requests. Please try again in a moment.
error-unavailable-title = Not at the moment
error-unavailable-text = What is done here can’t be put on record at the moment, so nothing was done. Please try again in a moment.

remote-ask-title = Connect { $server }?
remote-ask-text = Another site led here. If you go on, { $host } asks you to sign in, and Deputy may then use that account for you.
remote-go-on = Go on
remote-ok-title = { $server } is connected
remote-failed-title = { $server } can’t be connected
remote-callback-failed-title = The server was not connected
remote-to-servers = Go to your servers
remote-begin-blocked = The server sends Deputy to an address that it does not go to ({ $detail }).
remote-begin-temporary = The server or its sign-in service does not answer as it should. Please try again in a moment.
remote-begin-nowhere = The server does not say where to sign in. Look at its address, or choose another kind of sign-in for it.
remote-begin-discovery = The sign-in service of this server can’t be used safely ({ $detail }).
remote-begin-no-registration = The sign-in service takes no new clients by itself. Register one there and enter its client id in the settings of { $server }.
remote-begin-no-authentication = The sign-in service asks Deputy to prove its identity in a way that Deputy does not know.
remote-begin-registration = The sign-in service did not accept Deputy as a client ({ $detail }).
remote-begin-issuer-changed = The server now names another sign-in service than the one its client id belongs to. If that is right, remove { $server } and add it again.
remote-begin-other-site = The sign-in service of { $server } sends people to another site, and its answers do not say whose they are: they could be somebody else’s. Ask its operator for RFC 9207 (the parameter iss).
remote-incomplete = The answer is incomplete. Please start again.
remote-other-issuer = The answer came from somebody else than was asked. Nothing was connected.
remote-upstream = The sign-in service did not confirm the connection ({ $detail }). Please start again.
remote-upstream-client = The sign-in service does not accept the client id or secret ({ $detail }). If you entered them in the server’s settings, check them there.
remote-refused = The sign-in service did not give the permission ({ $detail }). Nothing was connected. Please start again.
remote-unusable = Its settings are not accepted any more ({ $detail }). Change them on its page.
remote-no-server = You no longer have this server. Nothing was connected.
notice-remote-title = { $host } asks you to sign in again
notice-remote = The sign-in service ended the permission. Connect the server again to go on.
notice-remote-client = The sign-in service no longer knows Deputy. Connect the server again to go on.
notice-reuse-title = Access of { $client } was ended
notice-reuse = A token that had long been replaced was presented again: somebody may have a copy of it. Everything this program held stopped working at once. If it is yours, let it sign in again; what it did is under Activity.
notice-reuse-code = The code of its sign-in was presented twice: somebody may have listened in. Everything this program held stopped working at once. If it is yours, let it sign in again; what it did is under Activity.
notice-first-title = New access: { $clients }
notice-more-title = More access than before: { $clients }
notice-first = You allowed this, or somebody did at your browser. If it was not you, take it away in the settings and change your password.
notice-shared-title = { $by } shares a project with you: { $project }
notice-shared = You find it under Requirements. If you don't want it, leave it there.

## Programs that act for people: consent
consent-title = Allow { $client }?
consent-heading = wants to act for you
consent-you = You are signed in as { $name } ({ $username }).
consent-other = Sign in as somebody else
consent-back-to = Afterwards you are sent to
consent-kind-builtin = Deputy’s own command line.
consent-kind-registered = The administrator of this Deputy added this program.
consent-kind-dynamic = It gave itself this name. Anybody can call a program so: look where you are sent to.
consent-kind-document = It is described at { $host }. That is all that is known of it; the name is its own word.
consent-loopback = It is a program on this computer; which one, Deputy can’t know. Go on only if you just started it yourself.
consent-app = The address belongs to a program on your device, and any program can claim it. Go on only if you just started it yourself.
consent-elsewhere = The host that describes it and the one that you are sent to differ. Go on only if you know that both are its maker’s.
consent-unknown-host = You have not allowed it anything before. Go on only if you know this host.
consent-for = It may use
consent-for-mcp = all your tools (MCP)
consent-for-server = your server “{ $server }” alone (MCP)
consent-for-api = Deputy’s interface for programs (REST API)
consent-scopes = It may
consent-scopes-help = Untick what it doesn’t need. A program that lacks something asks again.
consent-before = You allowed this program something before, on { $when }.
consent-none-ticked = Nothing is ticked, so there is nothing to allow. Tick something, or refuse.
consent-nothing-offered = It asks for nothing that you could allow.
consent-allow = Allow
consent-deny = Refuse
consent-take-back = You can take it back at any time in the settings.
consent-failed-title = This program can’t be connected
consent-unknown-client = No program of this name (client_id) is known here. It may have been removed; remove Deputy in the program and add it again.
consent-blocked = An administrator has blocked this program here. Nothing was done.
consent-wrong-redirect = The program wants to be answered at an address that is not its own (redirect_uri). Somebody may be trying to get at your access: nothing was done.
consent-malformed = The program’s request makes no sense ({ $detail }). Nothing was done.
consent-document = The address by which the program names itself could not be read ({ $detail }). Please try again in a moment.
consent-later = What describes the program can’t be fetched at the moment. Nothing was allowed. Try again in { $minutes } min.
consent-too-many = You have allowed too many programs access already. Take one away in the settings first, then start again.
consent-too-long = The program’s request is too long. Nothing was done.
consent-request-failed = The program’s request can’t be fulfilled ({ $detail }). Nothing was allowed.
consent-back = Back to { $host }

## Programs that act for people: settings
access-title = Programs that have access
access-lead = What you allowed to act for you, and when. What you take away stops at once.
access-empty-title = No program has access
access-empty-text = When an assistant connects to Deputy, you are asked here in the browser, and it appears in this list.
access-since = since { $when }
access-used = last used { $when }
access-never-used = not used yet
access-end = Take away
access-end-all = Take all away
password-end-access = Also end the access of all programs. They have to ask again.
password-access-stays = The password was changed, but the access of the programs could not be ended. Take it away above.

## Administration
nav-admin = Administration
admin-title = Administration
admin-lead = What holds for everybody who uses this Deputy.
clients-title = Programs
clients-lead = Programs that may ask people for access. Those you add here are known to Deputy by your word; an identifier is given to the program, with the addresses to which it may send people back.
clients-empty-title = None added
clients-empty-text = Most programs need none: they register themselves, or are described at an address of their own.
clients-others-title = Programs that came by themselves
clients-others-lead = They registered themselves or are described at an address. Names are their own word. What nobody allows anything is forgotten after a day.
clients-others-empty = None so far
clients-kind-registered = added
clients-kind-dynamic = registered itself
clients-kind-document = described
clients-since = since { $when }
clients-used = last used { $when }
clients-never-used = never used
clients-more = More
clients-first = From the beginning
client-new = Add a program
client-id = Identifier (client_id)
client-id-help = Letters, digits, dots, dashes and underscores; for example: calendar-bot
client-name = Name
client-name-help = People see it when they are asked. Empty: the identifier.
client-redirects = Addresses that people are sent back to, one in each line
client-redirects-help = https://…, a loopback address such as http://127.0.0.1/callback (on any port), or the program’s own scheme.
client-add = Add
client-remove = Remove
client-remove-title = Remove { $name }?
client-remove-text = What people allowed it ends at once.
client-remove-again = A program that registers itself can come again; people are asked anew.
client-remove-confirm = Yes, remove
client-taken = There is a program of this identifier already.
client-refused = This can’t be added: { $detail }.
admin-access-title = Access
admin-access-lead = Programs that people let in, and who let any in. What you end stops at once; the program stays and may ask again.
admin-access-empty = No program has access
admin-access-end = End all
admin-access-people = People who gave access
admin-access-person = person
blocks-title = Blocked programs
blocks-lead = A blocked program can ask nobody for access, and what it had ends at once. One that registers itself gets a new identifier each time, so there is no use in blocking it by that.
block-new = Block a program
block-name = Identifier or host
block-name-help = The client_id of a program, or the host on which programs are described, for example: example.org
block-kind = What it is
block-kind-client = program
block-kind-host = host of descriptions
block-add = Block
block-end = Let in again
block-refused = That can’t be blocked. Give the client_id of a program, or a host alone, such as example.org.
block-refused-host = There is no program of this identifier. If it is a host, choose “host of descriptions”.
block-refused-many = There are too many blocks already. Let something in again first.
block-unfinished = It is blocked, but not all that people allowed it has ended. Block it again.
clients-grants = { $n ->
    [0] nobody uses it
    [one] { $n } access
   *[other] { $n } accesses
}
flash-access-ended = Taken away. It stopped working this moment.
flash-accesses-ended = All of it was taken away and stopped working this moment.
flash-password-and-access = The password was changed, and no program has access any more.
flash-client-blocked = Blocked. What it had stopped working this moment.
flash-client-unblocked = It may ask again.
flash-client-added = Added.
flash-client-removed = Removed.

## Second factor
second-title = Second step
second-heading = One more step
second-lead = The password was right, { $name }. Now show that it is you.
second-code = Code
second-code-help = The six digits that your authenticator app shows, or one of your recovery codes.
second-recovery = Recovery code
second-recovery-help = One of the ten codes that you wrote down. Each works once.
second-submit = Sign in
second-other = Sign in as somebody else
factor-wrong = This code is not right, or was used before. A code of the app works once; wait for the next one.
passkey-use = Use a passkey
passkey-sign-in = Sign in with a passkey
passkey-failed = No passkey was used. Try again, or take another way.
passkey-refused = This passkey was not accepted here. Try again, or take another way.
confirm-title = Confirm that it is you
confirm-heading = Is it still you?
confirm-lead = What you are about to do needs a fresh proof, { $username }: your last one is more than ten minutes old, or lacked the second step.
confirm-submit = Confirm
factor-title = Second factor
factor-lead = With it, nobody signs in with your password alone.
factor-must = You need a second factor here. Set one up: an app, or a passkey. Until then nothing else opens.
factor-on = on
factor-off = no second factor
factor-set-up = Set up
factor-change = Change
factor-back = To the settings
factor-go-on = Go on
factor-remove = Remove
factor-has-app = There is an authenticator app already. Remove it first.
factor-lapsed = This was done meanwhile, or took too long. Please begin anew.
app-title = Authenticator app
app-lead = An app on your phone that shows six digits, new ones every half minute.
app-active = set up
app-begin = Set up an app
app-scan = Photograph this with the app:
app-picture = What the app has to know, as a picture
app-type = No camera? Type this into the app, as a time-based key:
app-first-code = The code that the app shows now
app-confirm = Switch on
passkeys-title = Passkeys
passkeys-lead = Your phone, your computer or a security key signs you in, after it has seen your finger, face or PIN. A passkey works at this address and nowhere else.
passkeys-script = Adding a passkey needs JavaScript.
passkeys-no-name = There can be no passkeys here: they belong to a host name, and this Deputy is reached by an address. The administrator can give it a name with DEPUTY_PUBLIC_URL.
passkey-name = Name
passkey-name-example = My phone
passkey-name-needed = Give the passkey a name of up to 64 characters.
passkey-add = Add a passkey
passkey-too-many = There are { $n } passkeys already. Remove one first.
recovery-title = Recovery codes
recovery-lead = For the day on which phone and keys are gone. Each code signs you in once, with your password.
recovery-left = { $n ->
    [0] no recovery code left
    [one] { $n } recovery code left
   *[other] { $n } recovery codes left
}
recovery-new = Make new ones
recovery-made = Your recovery codes
recovery-once = Write them down or print them, and keep them somewhere else than your password. They are shown this once; earlier ones no longer work.
flash-app-added = The app is set up. From now on your password alone is not enough.
flash-app-removed = The app is removed.
flash-passkey-added = The passkey is added.
flash-passkey-removed = The passkey is removed. It stopped working this moment.
flash-factor-reset = Removed. The person signs in with the password alone, and is told so.
flash-account-deleted = Your account is deleted.
notice-app-added = An authenticator app was set up
notice-app-removed = The authenticator app was removed
notice-passkey-added = New passkey: { $name }
notice-passkey-removed = Passkey removed: { $name }
notice-factor-added-text = You did this, or somebody at your browser. If it was not you, remove it in the settings and change your password.
notice-factor-removed-text = You did this, or somebody at your browser. If it was not you, change your password and look at your second factor in the settings.
notice-recovery-new = There are new recovery codes
notice-recovery-new-text = The old ones no longer work. If it was not you, change your password and make new ones.
notice-recovery-used = A recovery code was used
notice-recovery-used-text = { $n ->
    [0] It was the last one: make new ones in the settings. If it was not you, change your password.
    [one] { $n } is left. If it was not you, change your password and make new ones.
   *[other] { $n } are left. If it was not you, change your password and make new ones.
}
notice-factor-reset = Your second factor was removed
notice-factor-reset-text = An administrator did it. Your password alone signs you in now; set a second factor up again in the settings.
action-session-confirm = Confirmed who it is
action-factor-add = Second factor added
action-factor-remove = Second factor removed
action-factor-recovery = New recovery codes
action-factor-recovery-used = Recovery code used
action-factor-refused = Second factor refused
action-user-reset-second-factor = Second factors removed by an administrator
people-title = People
people-lead = Who signs in with a second factor. Remove it for who has lost theirs; they are told, and sign in with the password alone.
person-disabled = disabled
person-passkeys = { $n ->
    [one] { $n } passkey
   *[other] { $n } passkeys
}
person-reset = Remove second factors
delete-title = Delete my account
delete-short = With everything that is yours here. This can’t be undone.
delete-begin = Delete …
delete-lead = This goes, at once and for good:
delete-google = your connection to Google: Google is told that the permission ends
delete-servers = your servers: they are stopped, and what they kept here is removed
delete-access = the access of programs, your tokens, and every place where you are signed in
delete-rest = your settings, approvals and the keys with which your secrets are sealed
delete-stays = What you did stays on record, without your name. What lies in your Google account and at other services stays there.
delete-name = Type your user name, { $username }, to confirm
delete-name-differs = That is not your user name. Nothing was deleted.
delete-confirm = Delete my account
delete-last = You are the last administrator. Make somebody else one first; otherwise nobody could look after this Deputy.

## Notes, tasks, requirements
nav-notes = Notes
nav-tasks = Tasks
nav-projects = Requirements
workspace-find = Search and filter
workspace-words = Words
workspace-show = Show
workspace-status = Status
workspace-edit = Edit
workspace-nothing = Nothing fits
workspace-markdown = Markdown works here.
workspace-problem-missing = That isn't there (any more).
workspace-problem-role = Your role in the project is not enough for this.
workspace-problem-invalid = Please look at what was filled in.
workspace-problem-version = Somebody changed it meanwhile. What it says now stands above; put your change into it and save again. Nothing was lost.
workspace-problem-conflict = That can't be as things stand.
workspace-problem-limit = There are as many as there may be.
notes-lead = What you and your assistants jot down. Only you see it.
notes-empty = No notes yet
notes-all = All
notes-open = Open
notes-done = Ticked off
note-new = New note
note-title = Note
note-content = Text
note-category = Category
note-complete = Tick off
note-reopen = Open again
note-delete = Delete the note
tasks-lead = What is to be done, the next one due first. Only you see it.
tasks-empty = Nothing to do
tasks-open = To be done
tasks-all = All
task-new = New task
task-one = Task
task-title = What is to be done
task-description = More about it
task-priority = Priority
task-due = Due
task-due-help = A date such as 2026-12-31, or a time such as 2026-12-31 15:00.
task-due-by = due { $due }
task-overdue = overdue since { $due }
task-begin = Begin
task-delete = Delete the task
task-pending = Pending
task-in-progress = In progress
task-done = Done
task-cancelled = Cancelled
priority-low = Low
priority-medium = Medium
priority-high = High
priority-urgent = Urgent
projects-title = Projects
projects-lead = Requirements with their history and links, in projects that you share with others.
projects-empty = No projects yet
project-new = New project
project-create = Create the project
project-name = Name
project-key = Key
project-key-help = 2 to 10 Latin letters and digits; requirements are called SHOP-1, SHOP-2. It stays as it is.
project-description = What it is about
project-change = Change or delete the project
project-delete = Delete the project
project-delete-title = Delete { $name }?
project-delete-text = All its requirements, their history, links and comments go, for everybody who has it. It can't be undone.
project-viewer = Viewer
project-editor = Editor
project-owner = Owner
members-title = Members
member-username = User name
member-role = Role
member-role-help = Viewers read; editors change requirements; owners decide about members and the project.
member-add = Share
member-remove = Remove
member-leave = Leave
requirement-new = New requirement
requirements-empty = No requirements yet
requirements-deleted = Deleted
requirement-title = Title
requirement-body = Text
requirement-reason = Why (for the history)
requirement-version = Version { $version }
requirement-now = What it says now (version { $version })
requirement-no-text = No text yet.
requirement-is-deleted = This requirement was deleted. Its history stays, and it can be restored.
requirement-delete = Delete the requirement
requirement-restore = Restore the requirement
requirement-draft = Draft
requirement-proposed = Proposed
requirement-approved = Approved
requirement-implemented = Implemented
requirement-verified = Verified
requirement-rejected = Rejected
requirement-obsolete = Obsolete
links-title = Links
links-empty = No links
link-refines = refines
link-refined-by = refined by
link-depends-on = depends on
link-needed-by = needed by
link-verifies = verifies
link-verified-by = verified by
link-this = { $key }
link-other = Key of the other one
link-add = Link
link-remove = Take away
comments-title = Comments
comment-new = New comment
comment-add = Comment
comment-delete = Delete
history-title = History
history-of = History of { $key }
history-same-text = The text is the same.
history-links = Links that came and went
version-created = created
version-edited = edited
version-deleted = deleted
version-restored = restored
version-imported = imported
version-linked = linked
version-unlinked = taken away
matrix-title = Matrix
matrix-lead = What each requirement is to the others: rows refine, depend on or verify columns.
flash-deleted = Deleted.
flash-project-left = You no longer have the project.
project-requirements = { $n ->
    [one] { $n } requirement
   *[other] { $n } requirements
}
project-members = { $n ->
    [one] { $n } member
   *[other] { $n } members
}
