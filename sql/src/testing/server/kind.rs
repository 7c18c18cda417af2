use super::database::ColumnType;

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    NVarChar(u16),
    NVarCharMax,
    NText,
    VarChar(u16),
    VarCharMax,
    Text,
    Bit,
    TinyInt,
    Int,
    BigInt,
    SmallDateTime,
    DateTime,
    /// With so many digits behind the second.
    DateTime2(u8),
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
            Self::VarChar(_) | Self::VarCharMax => "varchar",
            Self::Text => "text",
            Self::Bit => "bit",
            Self::TinyInt => "tinyint",
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::DateTime => "datetime",
            Self::SmallDateTime => "smalldatetime",
            Self::DateTime2(_) => "datetime2",
            Self::RowVersion => "timestamp",
            Self::Variant => "sql_variant",
        }
    }

    pub(super) fn family(self) -> Family {
        match self {
            Self::NVarChar(_) | Self::NVarCharMax | Self::VarChar(_) | Self::VarCharMax => Family::Text,
            Self::NText | Self::Text => Family::LongText,
            Self::Bit | Self::TinyInt | Self::Int | Self::BigInt => Family::Number,
            Self::SmallDateTime | Self::DateTime | Self::DateTime2(_) => Family::Time,
            Self::RowVersion => Family::Binary,
            Self::Variant => Family::Variant,
        }
    }

    /// Whether its texts are of the collation's code page.
    pub(super) fn has_code_page(self) -> bool {
        matches!(self, Self::VarChar(_) | Self::VarCharMax | Self::Text)
    }

    /// Whether `TEXTSIZE` bounds its values.
    pub(super) fn is_large(self) -> bool {
        matches!(self, Self::NVarCharMax | Self::VarCharMax | Self::NText | Self::Text)
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
            ColumnType::VarChar(length) => Self::VarChar(length),
            ColumnType::VarCharMax => Self::VarCharMax,
            ColumnType::Text => Self::Text,
            ColumnType::Int => Self::Int,
            ColumnType::BigInt => Self::BigInt,
            ColumnType::DateTime => Self::DateTime,
            ColumnType::SmallDateTime => Self::SmallDateTime,
            ColumnType::DateTime2(scale) => Self::DateTime2(scale),
            ColumnType::RowVersion => Self::RowVersion,
        }
    }
}
