# The difference of two models by a mixed model: prompts, annotators and how both favour a model are random.
#
#   Rscript benchmarks/mixed_model.R RATINGS.csv
#
# RATINGS.csv has the columns study, model, prompt, annotator, value; two models a study. Prints one line a
# study: study, difference, degrees of freedom (Satterthwaite's), p-value, half width of the 95 % interval.
suppressMessages(library(lmerTest))
ratings <- read.csv(commandArgs(TRUE)[1], colClasses = c("factor", "factor", "factor", "factor", "numeric"))
for (study in levels(ratings$study)) {
  part <- droplevels(ratings[ratings$study == study, ])
  fit <- suppressMessages(suppressWarnings(lmer(
    value ~ model + (1 | prompt) + (1 | annotator) + (1 | model:prompt) + (1 | model:annotator),
    data = part, REML = TRUE,
    # With one rating an image model:prompt is the rest; lmer is to fit all the same.
    control = lmerControl(
      check.nobs.vs.nlev = "ignore", check.nobs.vs.nRE = "ignore", check.nobs.vs.rankZ = "ignore"
    )
  )))
  row <- suppressMessages(summary(fit))$coefficients[2, ]
  half <- qt(0.975, row["df"]) * row["Std. Error"]
  cat(study, -row["Estimate"], row["df"], row["Pr(>|t|)"], half, sep = ",")
  cat("\n")
}
