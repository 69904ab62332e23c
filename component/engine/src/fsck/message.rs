//! The messages of fsck: their ids, and how severe each is unless configured otherwise.
//!
//! Spec: git-fsck(1), "FSCK MESSAGES"

/// What a finding does to a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing.
    Ignore,
    /// It is reported.
    Warn,
    /// It refuses the push.
    Error,
}

/// How severe a message is by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// An error whatever the configuration says.
    Fatal,
    Error,
    /// An error in a push, a warning elsewhere.
    Warn,
    Info,
    Ignore,
}

macro_rules! messages {
    ($($id:ident $name:literal $class:ident,)*) => {
        /// What can be found.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "git's own names, which git-fsck(1) explains")]
        pub enum MessageId {
            $($id,)*
        }

        impl MessageId {
            /// Every message.
            pub const ALL: &[Self] = &[$(Self::$id,)*];

            /// The name in reports and in the configuration.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)*
                }
            }

            pub(super) const fn class(self) -> Class {
                match self {
                    $(Self::$id => Class::$class,)*
                }
            }
        }
    };
}

messages! {
    NulInHeader "nulInHeader" Fatal,
    UnterminatedHeader "unterminatedHeader" Fatal,
    BadDate "badDate" Error,
    BadDateOverflow "badDateOverflow" Error,
    BadEmail "badEmail" Error,
    BadName "badName" Error,
    BadObjectSha1 "badObjectSha1" Error,
    BadParentSha1 "badParentSha1" Error,
    BadRefFiletype "badRefFiletype" Error,
    BadRefName "badRefName" Error,
    BadTimezone "badTimezone" Error,
    BadTree "badTree" Error,
    BadTreeSha1 "badTreeSha1" Error,
    BadType "badType" Error,
    DuplicateEntries "duplicateEntries" Error,
    MissingAuthor "missingAuthor" Error,
    MissingCommitter "missingCommitter" Error,
    MissingEmail "missingEmail" Error,
    MissingNameBeforeEmail "missingNameBeforeEmail" Error,
    MissingObject "missingObject" Error,
    MissingSpaceBeforeDate "missingSpaceBeforeDate" Error,
    MissingSpaceBeforeEmail "missingSpaceBeforeEmail" Error,
    MissingTag "missingTag" Error,
    MissingTagEntry "missingTagEntry" Error,
    MissingTree "missingTree" Error,
    MissingType "missingType" Error,
    MissingTypeEntry "missingTypeEntry" Error,
    MultipleAuthors "multipleAuthors" Error,
    TreeNotSorted "treeNotSorted" Error,
    UnknownType "unknownType" Error,
    ZeroPaddedDate "zeroPaddedDate" Error,
    GitmodulesMissing "gitmodulesMissing" Error,
    GitmodulesBlob "gitmodulesBlob" Error,
    GitmodulesLarge "gitmodulesLarge" Error,
    GitmodulesName "gitmodulesName" Error,
    GitmodulesSymlink "gitmodulesSymlink" Error,
    GitmodulesUrl "gitmodulesUrl" Error,
    GitmodulesPath "gitmodulesPath" Error,
    GitmodulesUpdate "gitmodulesUpdate" Error,
    GitattributesMissing "gitattributesMissing" Error,
    GitattributesLarge "gitattributesLarge" Error,
    GitattributesLineLength "gitattributesLineLength" Error,
    GitattributesBlob "gitattributesBlob" Error,
    EmptyName "emptyName" Warn,
    FullPathname "fullPathname" Warn,
    HasDot "hasDot" Warn,
    HasDotdot "hasDotdot" Warn,
    HasDotgit "hasDotgit" Warn,
    NullSha1 "nullSha1" Warn,
    ZeroPaddedFilemode "zeroPaddedFilemode" Warn,
    NulInCommit "nulInCommit" Warn,
    LargePathname "largePathname" Warn,
    BadFilemode "badFilemode" Info,
    GitmodulesParse "gitmodulesParse" Info,
    GitignoreSymlink "gitignoreSymlink" Info,
    GitattributesSymlink "gitattributesSymlink" Info,
    MailmapSymlink "mailmapSymlink" Info,
    BadTagName "badTagName" Info,
    MissingTaggerEntry "missingTaggerEntry" Info,
    ExtraHeaderEntry "extraHeaderEntry" Ignore,
}

impl MessageId {
    /// Finds a message by its name, whatever the case of its letters.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.name().eq_ignore_ascii_case(name))
    }
}
