"""How limits and budgets stand, as status tells it: the ledger's rows are the truth."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from headrace_contract.names import OF_BUDGET
from headrace_contract.reasons import ConditionType, Reason
from headrace_contract.resources.budgets import BudgetUsage
from headrace_contract.resources.limits import TenantLimitUsage
from headrace_operator.model.usage import digest_of
from headrace_operator.plan.limits import COST
from headrace_operator.status.conditions import Verdict, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from headrace_contract.resources.budgets import Budget
    from headrace_operator.errors import ReconcileError
    from headrace_operator.model.usage import Usage
    from headrace_operator.plan.limits import LimitsPlan

WHOLE: Final = 100


def limits_enforced(
    plan: LimitsPlan | None, usages: Sequence[Usage] | None, failure: ReconcileError | None
) -> Verdict:
    """Say True only when the ledger's limits are those of the spec, and how many are Shadow."""
    kind = ConditionType.LIMITS_ENFORCED
    if plan is None:
        message = "Looked at once the spec is accepted; until then the former limits hold."
        return Verdict(kind, "Unknown", Reason.PROGRESSING, message)
    if usages is None:
        if failure is None:
            return Verdict(kind, "Unknown", Reason.PROGRESSING, "The ledger has not been asked.")
        return Verdict(kind, "Unknown", failure.reason, str(failure))
    if digest_of(usages) != plan.digest:
        why = f": {failure}" if failure else "; they are written again."
        message = f"The ledger does not have the limits of the spec{why}"
        return Verdict(kind, "False", Reason.LIMITS_NOT_IN_LEDGER, message)
    return Verdict(kind, "True", Reason.LIMITS_ENFORCED, _in_force(plan))


def within_budget(budgets: Sequence[Budget], usages: Sequence[Usage] | None) -> Verdict:
    """Say whether money is left; a budget in Shadow mode never runs out, but it is told."""
    kind = ConditionType.WITHIN_BUDGET
    if not budgets:
        return Verdict(kind, "True", Reason.WITHIN_BUDGET, "No budget is declared.")
    if usages is None:
        message = "The ledger has not been asked."
        return Verdict(kind, "Unknown", Reason.PROGRESSING, message)
    standing = [(budget, usage) for usage, budget in _budgets(usages, budgets)]
    used_up = [_used_up(budget, usage) for budget, usage in standing if _is_used_up(budget, usage)]
    if used_up:
        return Verdict(kind, "False", Reason.BUDGET_EXHAUSTED, " ".join(used_up))
    soft = [words for budget, usage in standing if (words := _soft(budget, usage))]
    if soft:
        return Verdict(kind, "True", Reason.SOFT_BUDGET_REACHED, " ".join(soft))
    return Verdict(kind, "True", Reason.WITHIN_BUDGET, "No soft percent has been reached.")


def limit_usages(usages: Iterable[Usage]) -> list[dict[str, Any]]:
    """List how each limit stands; budgets have a list of their own."""
    return [
        TenantLimitUsage(
            name=usage.name,
            resource=usage.resource,
            window=usage.window,
            limit=usage.capacity,
            used=usage.used,
            reserved=usage.reserved,
            available=usage.available,
            shadowed=usage.shadowed,
            waiting=usage.waiting,
            borrowed=usage.borrowed,
            lent=usage.lent,
            resets_at=stamp(usage.resets_at) if usage.resets_at else None,
        ).model_dump(by_alias=True, exclude_none=True)
        for usage in usages
        if usage.resource != COST
    ]


def provider_usages(declared: Iterable[Usage], learnt: Iterable[Usage]) -> list[dict[str, Any]]:
    """List how each limit of a provider stands, those that it says itself last."""
    said = [{**one, "limitsFrom": "ResponseHeaders"} for one in limit_usages(learnt)]
    return [*({**one, "limitsFrom": "Static"} for one in limit_usages(declared)), *said]


def budget_usages(usages: Iterable[Usage], budgets: Iterable[Budget]) -> list[dict[str, Any]]:
    """List how each budget stands, in decimal strings."""
    return [
        BudgetUsage(
            name=budget.name,
            currency=budget.currency,
            amount=money(usage.capacity),
            spent=money(usage.used),
            reserved=money(usage.reserved),
            available=money(usage.available),
            resets_at=stamp(usage.resets_at) if usage.resets_at else None,
        ).model_dump(by_alias=True, exclude_none=True)
        for usage, budget in _budgets(usages, budgets)
    ]


def nearest(usages: Sequence[Usage]) -> str:
    """Name what is nearest to its end; nothing while nothing is used."""
    most = max(usages, key=lambda usage: usage.percent, default=None)
    if most is None or most.percent == 0:
        return ""
    window = "at once" if most.window == "None" else most.window
    return f"{most.resource} {window} {most.percent} %"


def money(billionths: int) -> str:
    """Write an amount as a decimal without needless zeros."""
    return f"{Decimal(billionths).scaleb(-9).normalize():f}"


def _in_force(plan: LimitsPlan) -> str:
    if not plan.limits:
        return "No limits are declared."
    enforced = sum(limit.enforced for limit in plan.limits)
    shadow = len(plan.limits) - enforced
    told = f"{enforced} limit{'' if enforced == 1 else 's'} in force"
    return f"{told}, {shadow} in Shadow mode." if shadow else f"{told}."


def _budgets(usages: Iterable[Usage], budgets: Iterable[Budget]) -> Iterator[tuple[Usage, Budget]]:
    """Find the budget of each usage; what the ledger has of another spec is left out."""
    declared = {OF_BUDGET + budget.name: budget for budget in budgets}
    for usage in usages:
        if usage.name in declared:
            yield usage, declared[usage.name]


def _is_used_up(budget: Budget, usage: Usage) -> bool:
    # A call that may cost more than what is left has to wait although something is left.
    return budget.mode == "Enforce" and (usage.available == 0 or usage.waiting > 0)


def _used_up(budget: Budget, usage: Usage) -> str:
    told = f"Budget '{budget.name}' of {budget.amount} {budget.currency} is used up"
    if budget.window.startswith("Calendar") and usage.resets_at:
        return f"{told} until {stamp(usage.resets_at)}."
    return f"{told} until older spending is a day old."


def _soft(budget: Budget, usage: Usage) -> str:
    """Name the highest percent that was reached: the words change as seldom as that does."""
    spent = WHOLE * usage.used // usage.capacity
    marks = [*budget.soft_percents, *([WHOLE] if budget.mode == "Shadow" else [])]
    reached = max((mark for mark in marks if spent >= mark), default=None)
    if reached is None:
        return ""
    whole = f"{budget.amount} {budget.currency}"
    told = f"Budget '{budget.name}': {reached} % of {whole} have been spent"
    return f"{told}; calls go to class '{budget.degrade_to}'." if budget.degrade_to else f"{told}."
