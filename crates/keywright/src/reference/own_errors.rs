//! The codes of the command line that no server has a part in, with the probable cause and what to do.

/// A code, why it comes, and how to mend it.
pub(super) const OWN: &[(&str, &str, &str)] = &[
    ("USAGE", "The command was typed wrongly.", "`--help` behind the command says what it understands."),
    (
        "SERVER_UNREACHABLE",
        "Nothing answers at the server's address.",
        "Check the address with `keywright status`, or start a server with `keywright serve`.",
    ),
    (
        "NO_SERVER",
        "No server was named, and on the usual address there is none of this user's.",
        "Start one with `keywright serve`, or name one with `--server` or KEYWRIGHT_SERVER.",
    ),
    (
        "NO_LOCAL_KEY",
        "No server is in use, and no provider's key that the program could use was found.",
        "Set a provider's key, ANTHROPIC_API_KEY for instance, try `keywright run --demo`, or start a server.",
    ),
    (
        "OUTBOX_EMPTY",
        "No mail that was asked for is in the server's outbox: none was sent, it is older than a week, the folder is \
         another server's, or mails go to a mail server.",
        "The message says which; `--data-dir` names the folder.",
    ),
    (
        "OUTBOX_UNREADABLE",
        "The folder `outbox` of the data folder belongs to somebody else.",
        "Run the command as the user that the server runs as.",
    ),
    (
        "FILE_DAMAGED",
        "`providers.json` holds no JSON object of providers.",
        "Mend the file, or move it away and store the keys again.",
    ),
    (
        "RECORDS_UNREADABLE",
        "The records of local runs cannot be opened or read.",
        "Look at the owner and mode of `local-records.db` in the data folder, and at the disk.",
    ),
    (
        "NOT_A_KEYWRIGHT_SERVER",
        "What answers at the address is something else, or a proxy before the server.",
        "Check the address with `keywright status`.",
    ),
    (
        "SERVER_INVALID",
        "The address is no origin, or is plain http to another machine.",
        "Write it as `https://host` or `http://127.0.0.1:5399`.",
    ),
    (
        "SESSION_ENDED",
        "The server has ended the sign-in: it was revoked, it expired, or a copy of it was used elsewhere.",
        "Sign in again with `keywright login`, or forget the session with `keywright logout`.",
    ),
    (
        "SIGN_IN_REFUSED",
        "The person said no, or the server knows no such client; the message has the server's own words.",
        "Sign in again with `keywright login`. Check KEYWRIGHT_CLIENT_ID if it is set.",
    ),
    (
        "SIGN_IN_EXPIRED",
        "Nobody approved the sign-in in time.",
        "Start again: `keywright login`, with `--timeout` for more time.",
    ),
    (
        "SIGN_IN_NOT_OFFERED",
        "The server has no sign-in by browser or device code.",
        "Store a key: `keywright login --api-key-file FILE`; or use a mailbox: `keywright auth login-request`.",
    ),
    (
        "ISSUER_MISMATCH",
        "The server calls itself something else than the address that it was asked at.",
        "Use the address that the message names, if that is the same server.",
    ),
    (
        "NO_PORT",
        "No port of this machine can be taken for the browser to come back to.",
        "Sign in by another device: `keywright login --device`.",
    ),
    (
        "SESSION_NOT_REFRESHED",
        "The session is about to end, and the server cannot be asked for another token now.",
        "Nothing is lost: try again in a moment.",
    ),
    (
        "UNSENDABLE",
        "The token or an argument has characters that no request can carry.",
        "Copy it again, without line breaks.",
    ),
    (
        "PROFILE_UNKNOWN",
        "Neither settings nor stored credentials know the profile.",
        "`keywright profiles list` shows those there are. Signing in makes one, `keywright profiles use` chooses one.",
    ),
    (
        "PROFILE_TAKEN",
        "The name is that of a profile for another server or organization.",
        "Choose another `--name`, or leave it out: then one is made up.",
    ),
    (
        "NO_STORED_KEY",
        "The profile that is to be forgotten with `--revoke` holds no API key.",
        "Leave out `--revoke`. A temporary account ends by itself.",
    ),
    (
        "PROFILE_INVALID",
        "The name of the profile in KEYWRIGHT_PROFILE or the settings file is none.",
        "The message says what a name is made of.",
    ),
    (
        "SETTINGS_INVALID",
        "The settings file is not as it should be.",
        "Correct the line that the message names.",
    ),
    (
        "NO_HOME",
        "There is no home folder, as in some containers and services.",
        "Set HOME or KEYWRIGHT_HOME.",
    ),
    ("NO_FOLDER", "The working folder is gone or may not be read.", "Change to another folder."),
    (
        "FILE_UNUSABLE",
        "A file cannot be read or written: its owner, its mode, or a full disk.",
        "The message names the file, the reason stands below it.",
    ),
    ("FILE_BUSY", "Another `keywright` holds the lock of the credentials.", "Try again when it is done."),
    ("INTERRUPTED", "Something ended the command before it had done anything.", "Start it again."),
    ("INPUT", "Standard input cannot be read.", "Give the value as an argument, or pipe it in."),
    ("OUTPUT", "Standard output cannot be written: a full disk, usually.", "Write it elsewhere."),
    (
        "KEY_AMBIGUOUS",
        "Several keys begin with the characters that were given.",
        "Name one by its id, from `keywright tokens list`.",
    ),
    (
        "NAME_AMBIGUOUS",
        "Several organizations or members have the name that was given.",
        "Name one by its id, from `keywright orgs list` or `keywright orgs members`.",
    ),
    (
        "ORGANIZATION_NOT_IN_USE",
        "The key in use acts in another organization than the one that is to be deleted.",
        "Use the profile of that organization: `keywright profiles list` shows which it is.",
    ),
    (
        "PROFILE_TAKEN",
        "The profile that was named is for another server or organization.",
        "Choose another name with `--name`, or leave it out.",
    ),
    (
        "CONFIGURATION_INVALID",
        "Settings of the server are wrong; all that are stand below the message.",
        "Correct each; [configuration](../configuration.md) has what may stand there.",
    ),
    (
        "NOT_STARTED",
        "The server cannot start: a port that is taken, a database that does not answer, another server on the \
         data folder, a master key that is missing or another.",
        "The message says which. [Operations](../../guides/operations.md) has each.",
    ),
    (
        "SYSTEM",
        "The system gives no more threads, files or signals.",
        "Raise the limits of the process (`ulimit -a`), or end other programs.",
    ),
    (
        "NOT_CONFIRMED",
        "A question was answered with no, or nobody was there to answer it.",
        "Give `--yes` where no person answers.",
    ),
    (
        "PROJECT_SETTINGS",
        "Settings in the folder would send the agent elsewhere, or cannot be read.",
        "Look at the file. If the project is yours, use `keywright run --trust-project`.",
    ),
    (
        "PROGRAM_NOT_FOUND",
        "There is no such program in PATH.",
        "Check the name, or give the path of the program.",
    ),
    (
        "PROGRAM_NOT_STARTED",
        "The file is there but may not be started, or is no program of this machine.",
        "Check its mode and what it is (`file PROGRAM`).",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use keywright_protocol::ErrorCode;

    use super::*;

    #[test]
    fn every_code_that_the_command_line_makes_up_is_in_the_table_and_no_other() {
        let mut raised = BTreeSet::new();
        collect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut raised);
        raised.retain(|code| ErrorCode::from_name(code).is_none());
        let listed: BTreeSet<String> = OWN.iter().map(|(code, ..)| (*code).to_owned()).collect();
        assert_eq!(raised, listed);
    }

    /// The texts that follow an exit code as an argument, which is how codes are given.
    fn collect(folder: &Path, raised: &mut BTreeSet<String>) {
        for entry in folder.read_dir().expect("the sources") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                collect(&path, raised);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source");
            let text: String = text.split_whitespace().collect();
            for (at, _) in text.match_indices("Exit::").chain(text.match_indices("(exit,")) {
                let code = text[at..].split_once(',').and_then(|(before, after)| {
                    let alone = before == "(exit"
                        || before.trim_start_matches("Exit::").bytes().all(|b| b.is_ascii_alphabetic());
                    after.strip_prefix('"').filter(|_| alone)?.split('"').next()
                });
                raised.extend(
                    code.filter(|code| code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
                        .map(str::to_owned),
                );
            }
        }
    }
}
