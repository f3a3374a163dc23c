// The site's script: what each page needs, begun.

import { startBoard } from "./board.js";
import { startTheme } from "./theme.js";

startTheme();
startBoard();
