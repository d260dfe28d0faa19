"""How good a model is: computed from its probabilities and its samples, each figure with a 95 %
confidence interval. Runs in the process of the command; knows neither store nor process. Read
`score` first, which puts the other files together. docs/score.md describes every figure."""
