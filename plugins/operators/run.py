"""The former place of :mod:`operators.run_plan`, :mod:`operators.run_end` and the plan of
:mod:`operators.provision`; it goes with the next release."""

from operators.provision import ProvisionPlanOperator as ProvisionPlanOperator
from operators.run_end import RunEndOperator as RunEndOperator
from operators.run_plan import RunPlanOperator as RunPlanOperator
