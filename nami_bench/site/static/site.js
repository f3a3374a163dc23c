// The site's script: what each page needs, begun.

import { startBoard } from "./board.js";
import { startPrompt } from "./prompt.js";
import { startPrompts } from "./prompts.js";
import { startTheme } from "./theme.js";

startTheme();
startBoard();
startPrompt();
startPrompts();
