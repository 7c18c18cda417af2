use super::database::ColumnType;

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    NVarChar(u16),
    NVarCharMax,
    NText,
    VarCharMax,
    Text,
    Bit,
    TinyInt,
    Int,
    BigInt,
    DateTime,
    DateTime2,
    RowVersion,
    /// `sql_variant`, which only a CAST makes useful.
    Variant,
}

/// Types that are compared with one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Text,
    /// `ntext` and `text`, which are compared with nothing.
    LongText,
    Number,
    Time,
    Binary,
    Variant,
}

impl Kind {
    /// The name without a length.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NVarChar(_) | Self::NVarCharMax => "nvarchar",
            Self::NText => "ntext",
            Self::VarCharMax => "varchar",
            Self::Text => "text",
            Self::Bit => "bit",
            Self::TinyInt => "tinyint",
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::DateTime => "datetime",
            Self::DateTime2 => "datetime2",
            Self::RowVersion => "timestamp",
            Self::Variant => "sql_variant",
        }
    }

    pub(super) fn family(self) -> Family {
        match self {
            Self::NVarChar(_) | Self::NVarCharMax | Self::VarCharMax => Family::Text,
            Self::NText | Self::Text => Family::LongText,
            Self::Bit | Self::TinyInt | Self::Int | Self::BigInt => Family::Number,
            Self::DateTime | Self::DateTime2 => Family::Time,
            Self::RowVersion => Family::Binary,
            Self::Variant => Family::Variant,
        }
    }

    /// Whether its texts are of the code page 1252.
    pub(super) fn has_code_page(self) -> bool {
        matches!(self, Self::VarCharMax | Self::Text)
    }

    /// The type of a sum of numbers: the larger one.
    pub(super) fn larger(self, other: Self) -> Self {
        if self == Self::BigInt || other == Self::BigInt { Self::BigInt } else { Self::Int }
    }
}

impl From<ColumnType> for Kind {
    fn from(column: ColumnType) -> Self {
        match column {
            ColumnType::NVarChar(length) => Self::NVarChar(length),
            ColumnType::NVarCharMax => Self::NVarCharMax,
            ColumnType::NText => Self::NText,
            ColumnType::VarCharMax => Self::VarCharMax,
            ColumnType::Text => Self::Text,
            ColumnType::Int => Self::Int,
            ColumnType::BigInt => Self::BigInt,
            ColumnType::DateTime => Self::DateTime,
            ColumnType::DateTime2 => Self::DateTime2,
            ColumnType::RowVersion => Self::RowVersion,
        }
    }
}
