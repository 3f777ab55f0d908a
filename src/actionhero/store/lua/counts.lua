-- How many tasks there are in each state; see `tasks_tally`.
return tally()
