//! Arithmetic, comparison, logic and equality.

use hcl_edit::expr::{BinaryOp, BinaryOperator, Expression, UnaryOp, UnaryOperator};

use super::expression::{Evaluated, Evaluator, Reported};
use crate::diagnostic::Diagnostic;
use crate::value::{Kind, Number, Type, Value, convert};

/// An operand: known, or unknown.
type Operand<T> = Result<Option<T>, Reported>;

impl Evaluator<'_> {
    pub(super) fn unary(&mut self, operation: &UnaryOp) -> Evaluated {
        let value = self.expression(&operation.expr)?;
        let result = match operation.operator.value() {
            UnaryOperator::Neg => {
                let number = self.number(&value, &operation.expr)?;
                number.map_or(Value::unknown(Type::Number), |n| n.neg().into())
            }
            UnaryOperator::Not => {
                let flag = self.bool(&value, &operation.expr)?;
                flag.map_or(Value::unknown(Type::Bool), |f| (!f).into())
            }
        };
        Ok(result.marked(value.sensitive))
    }

    pub(super) fn binary(&mut self, operation: &BinaryOp) -> Evaluated {
        let left = self.expression(&operation.lhs_expr)?;
        let right = self.expression(&operation.rhs_expr)?;
        let result = match operation.operator.value() {
            BinaryOperator::Eq => equality(&left, &right, false),
            BinaryOperator::NotEq => equality(&left, &right, true),
            operator @ (BinaryOperator::And | BinaryOperator::Or) => {
                let pair = (self.bool(&left, &operation.lhs_expr)?, self.bool(&right, &operation.rhs_expr)?);
                let and = *operator == BinaryOperator::And;
                match pair {
                    (Some(a), Some(b)) => Value::from(if and { a && b } else { a || b }),
                    // One known side may settle it.
                    (Some(known), None) | (None, Some(known)) if known != and => known.into(),
                    _ => Value::unknown(Type::Bool),
                }
            }
            operator => self.numeric(operation, *operator, &left, &right)?,
        };
        Ok(result.marked(left.sensitive || right.sensitive))
    }

    fn numeric(&mut self, operation: &BinaryOp, operator: BinaryOperator, left: &Value, right: &Value) -> Evaluated {
        use BinaryOperator::{Div, Greater, GreaterEq, Less, LessEq, Minus, Mod, Mul, Plus};
        let a = self.number(left, &operation.lhs_expr)?;
        let b = self.number(right, &operation.rhs_expr)?;
        let compares = matches!(operator, Greater | GreaterEq | Less | LessEq);
        let (Some(a), Some(b)) = (a, b) else {
            return Ok(Value::unknown(if compares { Type::Bool } else { Type::Number }));
        };
        let result = match operator {
            Less => return Ok((a < b).into()),
            LessEq => return Ok((a <= b).into()),
            Greater => return Ok((a > b).into()),
            GreaterEq => return Ok((a >= b).into()),
            Div | Mod if b.is_zero() => {
                let diagnostic = Diagnostic::error("division by zero").at(self.span(&operation.rhs_expr));
                return self.fail(diagnostic.detail("this is zero"));
            }
            Plus => a.add(&b),
            Minus => a.sub(&b),
            Mul => a.mul(&b),
            Div => a.div(&b),
            _ => a.rem(&b),
        };
        match result {
            Some(number) => Ok(number.into()),
            None => self.fail(Diagnostic::error("the result is out of range").at(self.span(&operation.lhs_expr))),
        }
    }

    fn number(&mut self, value: &Value, expr: &Expression) -> Operand<Number> {
        match self.operand(value, &Type::Number, expr)? {
            Some(Kind::Number(number)) => Ok(Some(number)),
            _ => Ok(None),
        }
    }

    fn bool(&mut self, value: &Value, expr: &Expression) -> Operand<bool> {
        match self.operand(value, &Type::Bool, expr)? {
            Some(Kind::Bool(flag)) => Ok(Some(flag)),
            _ => Ok(None),
        }
    }

    fn operand(&mut self, value: &Value, ty: &Type, expr: &Expression) -> Operand<Kind> {
        let place = self.span(expr);
        if value.is_null() {
            return self
                .fail(Diagnostic::error("this operand is null").at(place).detail(format!("a {ty} is required")));
        }
        match convert(value, ty) {
            Ok(value) if value.is_unknown() => Ok(None),
            Ok(value) => Ok(Some(value.kind)),
            Err(error) => {
                self.fail(Diagnostic::error("this operand has the wrong type").at(place).detail(error.to_string()))
            }
        }
    }
}

fn equality(left: &Value, right: &Value, negated: bool) -> Value {
    equal(left, right).map_or(Value::unknown(Type::Bool), |same| (same != negated).into())
}

/// Whether two values are equal; nothing when that depends on something unknown. Values of different types are not
/// equal: a text is no number, a list is no tuple.
pub(in crate::eval) fn equal(left: &Value, right: &Value) -> Option<bool> {
    match (&left.kind, &right.kind) {
        (Kind::Null(_), Kind::Null(_)) => Some(true),
        (Kind::Unknown(_), _) | (_, Kind::Unknown(_)) => None,
        (Kind::List(_, a), Kind::List(_, b))
        | (Kind::Tuple(a), Kind::Tuple(b))
        | (Kind::Set(_, a), Kind::Set(_, b)) => all_equal(a.len() == b.len(), a.iter().zip(b.iter())),
        (Kind::Map(_, a), Kind::Map(_, b)) | (Kind::Object(a), Kind::Object(b)) => {
            all_equal(a.keys().eq(b.keys()), a.values().zip(b.values()))
        }
        (a, b) => Some(a == b),
    }
}

fn all_equal<'a>(same_shape: bool, mut pairs: impl Iterator<Item = (&'a Value, &'a Value)>) -> Option<bool> {
    if !same_shape {
        return Some(false);
    }
    pairs.try_fold(true, |same, (a, b)| Some(same && equal(a, b)?))
}
